// The PCIe side of the simulated board: packets from a socket to the beats of the hard block's user
// side, and back. The messages, the passing of time and the pace of the link are those of
// firmware/pcie_socket.py, whose figures come as options. The user's clock is the board's.

#pragma once

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

struct PcieOptions {
    int fd = -1;
    uint64_t rate = 0, frame = 0, flow = 0, delay = 0, queue = 0, completer = 0;
};

class Pcie {
   public:
    Pcie(const PcieOptions& given, uint64_t clock_hz) : options(given) {
        uint64_t common = std::gcd(options.rate, clock_hz);
        per_cycle = options.rate / common;
        per_byte = clock_hz / common;
    }

    // Takes what has come from the driver; false when it has closed the socket.
    bool read_socket() {
        char block[1 << 16];
        ssize_t count;
        while ((count = recv(options.fd, block, sizeof block, MSG_DONTWAIT)) > 0) {
            inbox.append(block, static_cast<size_t>(count));
        }
        if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) return false;
        size_t place = 0;
        while (inbox.size() - place >= HEAD_BYTES) {
            uint32_t head;
            memcpy(&head, &inbox[place], HEAD_BYTES);
            size_t length = head & 0xFFFFFF;
            unsigned kind = head >> 24;
            bool right = kind == TLP ? length >= 12 && length <= LONGEST && length % 4 == 0
                                     : (kind == COUNTERS || kind == RESET) && length == 0;
            if (!right) refuse("a message that firmware/pcie_socket.py does not know");
            if (inbox.size() - place < HEAD_BYTES + length) break;
            take(kind, inbox.substr(place + HEAD_BYTES, length));
            place += HEAD_BYTES + length;
        }
        inbox.erase(0, place);
        return true;
    }

    void write_socket() {
        if (outbox.empty()) return;
        ssize_t count =
            send(options.fd, outbox.data(), outbox.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) outbox.erase(0, static_cast<size_t>(count));
    }

    struct pollfd waits() const {
        return {options.fd, static_cast<short>(outbox.empty() ? POLLIN : POLLIN | POLLOUT), 0};
    }

    // Whether time is to pass for the sake of the driver.
    bool awaited() const { return unanswered || resetting || waiting_bytes > options.queue; }

    // The inputs of the hardware for a cycle; before its rising edge.
    template <class Top>
    void drive(Top& top) {
        uint64_t now = cycles * per_cycle;
        if (resetting && --resetting == 0) post(RESET, "");
        top.pcie_rst = resetting > QUIET_OF_RESET;
        top.pcie_id_bus = options.completer >> 8;
        top.pcie_id_device = options.completer >> 3 & 31;
        top.pcie_id_function = options.completer & 7;
        while (!down.empty() && down_free <= now) start_down(now);
        while (!coming.empty() && coming.front().first <= cycles) {
            arrive(coming.front().second);
            coming.pop_front();
        }
        while (!going.empty() && going.front().first <= cycles) {
            leave(going.front().second);
            going.pop_front();
        }
        top.pcie_rx_tvalid = !beats.empty();
        if (!beats.empty()) {
            const Beat& beat = beats.front();
            top.pcie_rx_tdata = beat.data;
            top.pcie_rx_tkeep = beat.both ? 0xFF : 0x0F;
            top.pcie_rx_tlast = beat.last;
            top.pcie_rx_tuser = BAR0_HIT;
        }
        // the hard block holds some packets that the line has not taken yet
        top.pcie_tx_tready = up_free <= now + TX_BUFFER_BYTES * per_byte;
        if (top.pcie_rx_tvalid && top.pcie_rx_tready) beats.pop_front();
        if (top.pcie_tx_tvalid && top.pcie_tx_tready) {
            append(top.pcie_tx_tdata & 0xFFFFFFFF);
            if (top.pcie_tx_tkeep == 0xFF) append(top.pcie_tx_tdata >> 32);
            if (top.pcie_tx_tlast) {
                start_up(now);
                packet.clear();
            }
        }
        ++cycles;
    }

   private:
    enum Kind { TLP = 0, COUNTERS = 1, RESET = 2 };
    struct Beat {
        uint64_t data;
        bool both, last;
    };
    static constexpr size_t HEAD_BYTES = 4, LONGEST = 4 * (4 + 1024 + 1);
    static constexpr uint32_t BAR0_HIT = 1 << 2;  // of m_axis_rx_tuser
    static constexpr uint64_t TX_BUFFER_BYTES = 2048;
    static constexpr unsigned RESET_LASTS = 16, QUIET_OF_RESET = 80;

    const PcieOptions options;
    // a cycle is so many units of the line's time, and a byte so many
    uint64_t per_cycle, per_byte;
    uint64_t cycles = 0, down_free = 0, up_free = 0;
    uint64_t unanswered = 0, waiting_bytes = 0;
    uint64_t tlps_down = 0, bytes_down = 0, tlps_up = 0, bytes_up = 0;
    unsigned resetting = 0;
    std::string inbox, outbox, packet;
    std::deque<std::string> down;                           // not on the line yet
    std::deque<std::pair<uint64_t, std::string>> coming;    // on it, and when they arrive
    std::deque<std::pair<uint64_t, std::string>> going;
    std::deque<Beat> beats;

    [[noreturn]] static void refuse(const char* what) {
        fprintf(stderr, "simulated board: %s\n", what);
        exit(2);
    }

    void post(Kind kind, const std::string& data) {
        uint32_t head = static_cast<uint32_t>(data.size()) | static_cast<uint32_t>(kind) << 24;
        outbox.append(reinterpret_cast<const char*>(&head), HEAD_BYTES);
        outbox.append(data);
    }

    void take(unsigned kind, std::string data) {
        if (kind == COUNTERS) {
            const uint64_t now[] = {cycles, tlps_down, bytes_down, tlps_up, bytes_up};
            post(COUNTERS, std::string(reinterpret_cast<const char*>(now), sizeof now));
        } else if (kind == RESET) {
            resetting = RESET_LASTS + QUIET_OF_RESET;
            unanswered = waiting_bytes = 0;
            down.clear();
            coming.clear();
            going.clear();
            beats.clear();
            packet.clear();
        } else {
            unanswered += wants_answer(data);
            waiting_bytes += data.size();
            down.push_back(std::move(data));
        }
    }

    static bool wants_answer(const std::string& data) {
        switch (static_cast<uint8_t>(data[0])) {
            case 0x00: case 0x20:             // memory reads
            case 0x01: case 0x21:             // locked
            case 0x02: case 0x42:             // I/O
            case 0x04: case 0x44: case 0x05: case 0x45:  // configuration
            case 0x4C: case 0x6C: case 0x4D: case 0x6D: case 0x4E: case 0x6E:  // atomic
                return true;
        }
        return false;
    }

    // Whether a completion is the last one of its request.
    static bool ends_request(const std::string& data) {
        auto byte = [&](size_t place) { return static_cast<uint8_t>(data[place]); };
        if (!(byte(0) & 0x40)) return true;
        size_t length = (byte(2) & 3) << 8 | byte(3);
        size_t count = (byte(6) & 15) << 8 | byte(7);
        if (length == 0) length = 1024;
        if (count == 0) count = 4096;
        return 4 * length - (byte(11) & 3) >= count;
    }

    // A packet of ``size`` bytes on one direction of the line, and what it costs the other one;
    // returns the cycle in which it is at the other side.
    uint64_t on_line(uint64_t now, size_t size, uint64_t& mine, uint64_t& other) {
        mine = std::max(mine, now) + (size + options.frame) * per_byte;
        other = std::max(other, now) + options.flow * per_byte;
        return (mine + per_cycle - 1) / per_cycle + options.delay;
    }

    void start_down(uint64_t now) {
        std::string data = std::move(down.front());
        down.pop_front();
        waiting_bytes -= data.size();
        ++tlps_down;
        bytes_down += data.size() + options.frame;
        bytes_up += options.flow;
        uint64_t when = on_line(now, data.size(), down_free, up_free);
        coming.emplace_back(when, std::move(data));
    }

    void arrive(const std::string& data) {
        for (size_t place = 0; place < data.size(); place += 8) {
            bool both = place + 4 < data.size();
            uint64_t high = both ? word(data, place + 4) : 0;
            beats.push_back({high << 32 | word(data, place), both, place + 8 >= data.size()});
        }
    }

    static uint64_t word(const std::string& data, size_t place) {
        uint32_t value;
        memcpy(&value, &data[place], 4);
        return __builtin_bswap32(value);
    }

    void append(uint64_t value) {
        uint32_t swapped = __builtin_bswap32(static_cast<uint32_t>(value));
        packet.append(reinterpret_cast<const char*>(&swapped), 4);
    }

    void start_up(uint64_t now) {
        ++tlps_up;
        bytes_up += packet.size() + options.frame;
        bytes_down += options.flow;
        going.emplace_back(on_line(now, packet.size(), up_free, down_free), packet);
    }

    void leave(const std::string& data) {
        if (unanswered && ends_request(data)) --unanswered;
        post(TLP, data);
    }
};
