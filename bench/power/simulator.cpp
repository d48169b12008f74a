// Simulates a netlist of gates, flip-flops and memories for 64 inputs at once: bit k of a word is
// what input k sees. @CELLS@ are the library's functions.
//
// A cycle is the clock's edge and then either one evaluation of every gate, inputs first, or, where
// toggles are counted, one step for each gate of the longest path: every gate takes as long, and a gate
// that settles in between toggles in between.
#include <cstdint>
#include <cstring>
#include <vector>

typedef uint64_t word;
typedef uint32_t net;

// gates begin .. end - 1 of one cell; or, where cell is -1, port ``end`` of memory ``begin``
struct Segment { int cell, begin, end; };

static const net NO_CLOCK = 0xffffffff;

struct Memory {
    int words, bits, reads, writes;
    std::vector<word> store;
    std::vector<std::vector<net>> read_address, read_data, write_address, write_data, write_enable;
    std::vector<net> read_enable;
    std::vector<uint64_t> read_count, write_count;  // by layer
    std::vector<std::vector<word>> next;
    std::vector<char> fires;
    std::vector<int64_t> shown;  // the address that a port without a clock shows
};

static int pins, layers, layer;
static std::vector<word> value, fresh, next_q;
static std::vector<net> inputs, outputs, data_nets, q_nets, enables;
static std::vector<int> clock_of;  // of a flip-flop: the number of its gated clock, or -1
static std::vector<word> passes;
static std::vector<char> inverted;
static std::vector<Segment> ordered;
static std::vector<std::vector<Segment>> steps;
static std::vector<uint64_t> toggles, ones_q, ones_d, ones_both, cycles, sampled, edges;
static std::vector<Memory> memories;
static int64_t nets_count;
static const char* failure = nullptr;

static inline void evaluate(int cell, int begin, int end) {
    const net* at = inputs.data();
    const word* v = value.data();
    word* f = fresh.data();
    switch (cell) {
@CELLS@
    }
}

static int64_t address_of(const std::vector<net>& nets, word lanes);

// what a port without a clock shows for the address as it is
static void look_up(int memory, int port) {
    Memory& m = memories[memory];
    int64_t at = address_of(m.read_address[port], ~(word)0);
    for (int b = 0; b < m.bits; b++) m.next[port][b] = at < m.words ? m.store[at * m.bits + b] : 0;
}

static void show(int memory, int port, bool counted) {
    Memory& m = memories[memory];
    uint64_t* count = toggles.data() + (int64_t)layer * nets_count;
    for (int b = 0; b < m.bits; b++) {
        net n = m.read_data[port][b];
        if (counted) count[n] += __builtin_popcountll(value[n] ^ m.next[port][b]);
        value[n] = m.next[port][b];
    }
}

static void commit(int begin, int end) {
    for (int g = begin; g < end; g++) value[outputs[g]] = fresh[g];
}

static void commit_counted(int begin, int end) {
    uint64_t* count = toggles.data() + (int64_t)layer * nets_count;
    for (int g = begin; g < end; g++) {
        net n = outputs[g];
        count[n] += __builtin_popcountll(value[n] ^ fresh[g]);
        value[n] = fresh[g];
    }
}

static int64_t address_of(const std::vector<net>& nets, word lanes) {
    int64_t found = 0;
    for (size_t k = 0; k < nets.size(); k++) {
        word bit = value[nets[k]] & lanes;
        if (bit && bit != lanes) { failure = "an address differs between the inputs"; return 0; }
        if (bit) found |= (int64_t)1 << k;
    }
    return found;
}

static void clock_memories(bool counted) {
    for (auto& m : memories) {
        for (int p = 0; p < m.reads; p++) {
            m.fires[p] = 0;
            if (m.read_enable[p] == NO_CLOCK) {
                int64_t at = address_of(m.read_address[p], ~(word)0);
                if (counted && at != m.shown[p]) m.read_count[layer] += 64;
                m.shown[p] = at;
                continue;
            }
            word enable = value[m.read_enable[p]];
            m.fires[p] = enable != 0;
            if (!enable) continue;
            int64_t at = address_of(m.read_address[p], enable);
            for (int b = 0; b < m.bits; b++) {
                word found = at < m.words ? m.store[at * m.bits + b] : 0;
                word old = value[m.read_data[p][b]];
                m.next[p][b] = (old & ~enable) | (found & enable);
            }
            if (counted) m.read_count[layer] += __builtin_popcountll(enable);
        }
    }
    for (auto& m : memories) {
        for (int p = 0; p < m.writes; p++) {
            word any = 0;
            for (int b = 0; b < m.bits; b++) any |= value[m.write_enable[p][b]];
            if (!any) continue;
            int64_t at = address_of(m.write_address[p], any);
            if (at >= m.words) continue;
            for (int b = 0; b < m.bits; b++) {
                word enable = value[m.write_enable[p][b]], &stored = m.store[at * m.bits + b];
                stored = (stored & ~enable) | (value[m.write_data[p][b]] & enable);
            }
            if (counted) m.write_count[layer] += __builtin_popcountll(any);
        }
    }
}

static void set_net(net n, word to, bool counted) {
    if (counted) toggles[(int64_t)layer * nets_count + n] += __builtin_popcountll(value[n] ^ to);
    value[n] = to;
}

extern "C" {

const char* failed() { return failure; }

void create(int pins_, int64_t nets_, int gates, const net* in, const net* out, int layers_) {
    pins = pins_; nets_count = nets_; layers = layers_; layer = 0; failure = nullptr;
    inputs.assign(in, in + (int64_t)gates * pins);
    outputs.assign(out, out + gates);
    value.assign(nets_, 0); value[1] = ~(word)0;
    fresh.assign(gates, 0);
    toggles.assign((int64_t)layers * nets_, 0);
    cycles.assign(layers, 0); sampled.assign(layers, 0);
    ordered.clear(); steps.clear(); memories.clear(); q_nets.clear();
}

// gates of one cell that may be evaluated one after another in this order
void add_ordered(int cell, int begin, int end) { ordered.push_back({cell, begin, end}); }

// gates that may change ``step`` gates after the edge
void add_step(int step, int cell, int begin, int end) {
    if ((int)steps.size() <= step) steps.resize(step + 1);
    steps[step].push_back({cell, begin, end});
}

void set_flip_flops(int count, const net* d, const net* q, const char* inverted_, const int* clock_of_,
                    int clocks, const net* enables_) {
    data_nets.assign(d, d + count); q_nets.assign(q, q + count);
    clock_of.assign(clock_of_, clock_of_ + count); enables.assign(enables_, enables_ + clocks);
    passes.assign(clocks, 0); edges.assign((int64_t)layers * clocks, 0);
    inverted.assign(inverted_, inverted_ + count);
    next_q.assign(count, 0);
    for (auto* ones : {&ones_q, &ones_d, &ones_both}) ones->assign((int64_t)layers * count, 0);
    for (int k = 0; k < count; k++) if (inverted[k]) value[q[k]] = ~(word)0;
}

int add_memory(int words, int bits, int reads, int writes) {
    Memory m;
    m.words = words; m.bits = bits; m.reads = reads; m.writes = writes;
    m.store.assign((int64_t)words * bits, 0);
    m.read_address.resize(reads); m.read_data.resize(reads); m.read_enable.resize(reads);
    m.write_address.resize(writes); m.write_data.resize(writes); m.write_enable.resize(writes);
    m.next.assign(reads, std::vector<word>(bits, 0)); m.fires.assign(reads, 0); m.shown.assign(reads, 0);
    m.read_count.assign(layers, 0); m.write_count.assign(layers, 0);
    memories.push_back(m);
    return memories.size() - 1;
}

void set_read(int memory, int port, int address_bits, const net* address, const net* data, net enable) {
    Memory& m = memories[memory];
    m.read_address[port].assign(address, address + address_bits);
    m.read_data[port].assign(data, data + m.bits);
    m.read_enable[port] = enable;
}

void set_write(int memory, int port, int address_bits, const net* address, const net* data,
               const net* enable) {
    Memory& m = memories[memory];
    m.write_address[port].assign(address, address + address_bits);
    m.write_data[port].assign(data, data + m.bits);
    m.write_enable[port].assign(enable, enable + m.bits);
}

void fill_memory(int memory, int at, int bit, word to) {
    Memory& m = memories[memory];
    m.store[(int64_t)at * m.bits + bit] = to;
}

void set_layer(int to) { layer = to; }
void poke(net n, word to, int counted) { set_net(n, to, counted); }
word peek(net n) { return value[n]; }
// a word for each net: what each input sees
void poke_all(int count, const net* nets, const word* words, int counted) {
    for (int k = 0; k < count; k++) set_net(nets[k], words[k], counted);
}

void settle() {
    for (auto& s : ordered) {
        if (s.cell < 0) { look_up(s.begin, s.end); show(s.begin, s.end, false); continue; }
        evaluate(s.cell, s.begin, s.end);
        commit(s.begin, s.end);
    }
}

// the edge; then the gates settle. runs: the cycle and its accesses of memories are counted, and where
// ``counted`` is set its toggles too
void cycle(int runs, int counted) {
    int count = q_nets.size();
    if (runs) cycles[layer]++;
    int clocks = enables.size();
    for (int k = 0; k < clocks; k++) passes[k] = value[enables[k]];
    if (runs)
        for (int k = 0; k < clocks; k++)
            edges[(int64_t)layer * clocks + k] += __builtin_popcountll(passes[k]);
    if (counted) {
        uint64_t* q1 = ones_q.data() + (int64_t)layer * count;
        uint64_t* d1 = ones_d.data() + (int64_t)layer * count;
        uint64_t* b1 = ones_both.data() + (int64_t)layer * count;
        for (int k = 0; k < count; k++) {
            word q = value[q_nets[k]], d = value[data_nets[k]];
            if (inverted[k]) q = ~q;
            if (clock_of[k] >= 0) q &= passes[clock_of[k]], d &= passes[clock_of[k]];
            q1[k] += __builtin_popcountll(q);
            d1[k] += __builtin_popcountll(d);
            b1[k] += __builtin_popcountll(q & d);
        }
        sampled[layer]++;
    }
    for (int k = 0; k < count; k++) {
        next_q[k] = inverted[k] ? ~value[data_nets[k]] : value[data_nets[k]];
        if (clock_of[k] >= 0) {
            word pass = passes[clock_of[k]];
            next_q[k] = (next_q[k] & pass) | (value[q_nets[k]] & ~pass);
        }
    }
    clock_memories(runs);
    for (int k = 0; k < count; k++) set_net(q_nets[k], next_q[k], counted);
    for (auto& m : memories)
        for (int p = 0; p < m.reads; p++)
            if (m.fires[p])
                for (int b = 0; b < m.bits; b++) set_net(m.read_data[p][b], m.next[p][b], counted);
    if (!counted) { settle(); return; }
    for (auto& step : steps) {
        for (auto& s : step) {
            if (s.cell < 0) look_up(s.begin, s.end);
            else evaluate(s.cell, s.begin, s.end);
        }
        for (auto& s : step) {
            if (s.cell < 0) show(s.begin, s.end, true);
            else commit_counted(s.begin, s.end);
        }
    }
}

// cycles until ``done`` has the value ``wanted`` in all inputs, at most ``most``; returns how many
// every: toggles are counted in one cycle of so many, 0: nothing is counted
int64_t run_until(net done, int wanted, int64_t most, int every, const net* layer_nets, int layer_bits) {
    for (int64_t n = 0; n < most; n++) {
        if (failure) return n;
        if (layer_bits) {
            int found = 0;
            for (int k = 0; k < layer_bits; k++) found |= (int)(value[layer_nets[k]] & 1) << k;
            layer = found < layers ? found : layers - 1;
        }
        cycle(every != 0, every != 0 && n % every == 0);
        if (value[done] == (wanted ? ~(word)0 : 0)) return n + 1;
    }
    return most;
}

void get_toggles(uint64_t* to) { memcpy(to, toggles.data(), toggles.size() * 8); }
void get_cycles(uint64_t* all, uint64_t* some) {
    memcpy(all, cycles.data(), cycles.size() * 8);
    memcpy(some, sampled.data(), sampled.size() * 8);
}
void get_flip_flops(uint64_t* q, uint64_t* d, uint64_t* both) {
    memcpy(q, ones_q.data(), ones_q.size() * 8);
    memcpy(d, ones_d.data(), ones_d.size() * 8);
    memcpy(both, ones_both.data(), ones_both.size() * 8);
}
void get_edges(uint64_t* to) { memcpy(to, edges.data(), edges.size() * 8); }
void get_accesses(int memory, uint64_t* reads, uint64_t* writes) {
    memcpy(reads, memories[memory].read_count.data(), layers * 8);
    memcpy(writes, memories[memory].write_count.data(), layers * 8);
}

}
