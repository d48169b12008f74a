// The simulated board: Verilator's model of the hardware, its UART pins on a pseudo-terminal.
//
//   Vvolley --clock-hz N --divisor N [--parent PID] [--stats] [--bench CYCLES]
//           [--pcie-fd N and the options of firmware/pcie_socket.py]
//
// Prints the path of the pseudo-terminal as one line on stdout. The wire has the speed that the
// terminal is set to: clock_hz / baud clock cycles a bit, the divisor of the reset until somebody
// sets another. Bytes wait in the terminal until they can go over the wire, so none is ever lost.
//
// Time passes while a bit moves or a program runs, and for QUIET_CYCLES longer; then the process
// sleeps until bytes arrive. It ends when the last opener of the terminal has closed it, on SIGTERM
// or SIGINT, and when the process --parent is gone.
//
// A design with a PCIe endpoint (VOLLEY_PCIE) has a socket besides, see pcie.h. Then no time passes before
// the first byte on the terminal but what the socket asks for, and closing the socket ends the process.

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "Vvolley.h"
#include "Vvolley___024root.h"
#include "pcie.h"
#include "verilated.h"

namespace {

constexpr unsigned BATCH_CYCLES = 512;     // between two looks at the terminal
constexpr uint64_t QUIET_CYCLES = 20'000;  // longer than any request keeps the hardware busy
constexpr unsigned RESET_CYCLES = 16;
constexpr size_t READ_AHEAD = 64;           // bytes that suffice for one batch
constexpr size_t UNREAD_MAX = 1 << 20;      // answers that nobody reads: then time stops
constexpr int SLEEP_MS = 1000;              // a look at the parent every second
constexpr unsigned FRAME_BITS = 10;         // start, eight data bits, stop
constexpr uint64_t PARTS = 256;             // of a clock cycle: the wire's bits are counted in them

volatile sig_atomic_t stop_asked = 0;
volatile sig_atomic_t parent_changed = 0;

void ask_stop(int) { stop_asked = 1; }
void note_parent(int) { parent_changed = 1; }

// The end of the wire that drives the board's rx pin.
struct Sender {
    std::string waiting;
    size_t next = 0;
    uint32_t shift = 0, bits = 0;
    uint64_t timer = 0, rest = 0;
    bool level = true;

    size_t left() const { return waiting.size() - next; }
    bool idle() const { return bits == 0 && timer == 0 && left() == 0; }

    // divisor: clock cycles of a bit, in PARTS.
    bool tick(uint64_t divisor) {
        if (timer == 0) {
            if (bits == 0) {
                if (left() == 0) return true;
                shift = static_cast<uint8_t>(waiting[next++]) << 1 | 1u << (FRAME_BITS - 1);
                bits = FRAME_BITS;
            }
            level = shift & 1;
            shift >>= 1;
            --bits;
            rest += divisor;
            timer = rest / PARTS;
            rest %= PARTS;
        }
        if (timer) --timer;
        return level;
    }
};

// The end of the wire that listens to the board's tx pin.
struct Receiver {
    std::string received;
    uint32_t shift = 0, place = 0;
    uint64_t timer = 0, rest = 0;
    bool active = false;

    void tick(bool level, uint64_t divisor) {
        if (!active) {
            if (level) return;
            active = true;
            place = shift = 0;
            timer = divisor / 2 / PARTS;
            rest = divisor / 2 % PARTS;
            if (timer) return;
        } else if (--timer) {
            return;
        }
        rest += divisor;
        timer = rest / PARTS;
        rest %= PARTS;
        shift |= static_cast<uint32_t>(level) << place;
        if (++place < FRAME_BITS) return;
        active = false;
        if (level) received.push_back(static_cast<char>(shift >> 1));
    }
};

// The hardware. One evaluation is a whole clock cycle where Verilator lets us forget the last
// level of the clock; elsewhere the falling edge is evaluated too.
struct Hardware {
    std::unique_ptr<VerilatedContext> context = std::make_unique<VerilatedContext>();
    std::unique_ptr<Vvolley> top = std::make_unique<Vvolley>(context.get());
    uint64_t cycles = 0;

    // The name is Verilator 5.006's; a template, so that another version's lack of it is no error.
    template <class Root>
    static void rising_edge(Vvolley& top, Root& root) {
        set_clock(top, 1);
#ifndef VOLLEY_TWO_EVALS
        if constexpr (requires { root.__Vtrigrprev__TOP__clk; }) {
            root.__Vtrigrprev__TOP__clk = 0;
            if constexpr (requires { root.__Vtrigrprev__TOP__pcie_clk; }) {
                root.__Vtrigrprev__TOP__pcie_clk = 0;
            }
            top.eval();
            return;
        }
#endif
        top.eval();
        set_clock(top, 0);
        top.eval();
    }

    template <class Top>
    static void set_clock(Top& top, bool level) {
        top.clk = level;
        if constexpr (requires { top.pcie_clk; }) top.pcie_clk = level;
    }

    void reset() {
        top->rx = 1;
        top->rst = 1;
        set_clock(*top, 0);
        top->eval();
        for (unsigned i = 0; i < RESET_CYCLES; ++i) cycle(true);
        top->rst = 0;
    }

    bool cycle(bool rx) {
        top->rx = rx;
        rising_edge(*top, *top->rootp);
        ++cycles;
        return top->tx;
    }

    // Whether a program runs. The build names the signal; a design without one never runs.
    bool running() const {
#ifdef VOLLEY_RUNNING
        return top->rootp->VOLLEY_RUNNING;
#else
        return false;
#endif
    }
};

// The master side of a pseudo-terminal in raw mode.
struct Terminal {
    int fd = -1;

    Terminal(uint32_t baud) {
        fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || grantpt(fd) || unlockpt(fd)) fail("no pseudo-terminal to be had");
        struct termios2 mode;
        if (ioctl(fd, TCGETS2, &mode)) fail("TCGETS2");
        mode.c_iflag = mode.c_oflag = mode.c_lflag = 0;
        mode.c_cflag = CS8 | CREAD | CLOCAL | BOTHER;
        mode.c_ispeed = mode.c_ospeed = baud;
        if (ioctl(fd, TCSETS2, &mode)) fail("TCSETS2");
    }

    [[noreturn]] static void fail(const char* what) {
        fprintf(stderr, "simulated board: %s: %s\n", what, strerror(errno));
        exit(1);
    }

    // What the other side has set, 0 if it cannot be read.
    uint32_t baud() const {
        struct termios2 mode;
        return ioctl(fd, TCGETS2, &mode) ? 0 : mode.c_ospeed;
    }

    void wait_for(short events, const Pcie* pcie = nullptr) const {
        struct pollfd entries[] = {{fd, events, 0}, {}};
        if (pcie) entries[1] = pcie->waits();
        poll(entries, pcie ? 2 : 1, SLEEP_MS);
    }

    // Appends what has arrived; false when the last opener has closed the terminal. Before the
    // first opener Linux reports no hang-up.
    bool read_into(std::string& bytes) {
        char block[4096];
        ssize_t count = read(fd, block, sizeof block);
        if (count > 0) {
            bytes.append(block, static_cast<size_t>(count));
        }
        return count >= 0 || errno != EIO;
    }

    void write_from(std::string& bytes) {
        if (bytes.empty()) return;
        ssize_t count = write(fd, bytes.data(), bytes.size());
        if (count > 0) bytes.erase(0, static_cast<size_t>(count));
    }
};

struct Options {
    uint32_t clock_hz = 0, divisor = 0;
    uint64_t bench = 0;
    pid_t parent = 0;
    bool stats = false;
    PcieOptions pcie;
};

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        std::string name = argv[i];
        if (name == "--stats") {
            options.stats = true;
            continue;
        }
        char* end = nullptr;
        unsigned long long value = i + 1 < argc ? strtoull(argv[++i], &end, 10) : 0;
        if (end == nullptr || end == argv[i] || *end) {
            fprintf(stderr, "simulated board: %s needs a number\n", name.c_str());
            exit(2);
        }
        if (name == "--clock-hz") options.clock_hz = value;
        else if (name == "--divisor") options.divisor = value;
        else if (name == "--parent") options.parent = value;
        else if (name == "--bench") options.bench = value;
        else if (name == "--pcie-fd") options.pcie.fd = static_cast<int>(value);
        else if (name == "--pcie-rate") options.pcie.rate = value;
        else if (name == "--pcie-frame") options.pcie.frame = value;
        else if (name == "--pcie-flow") options.pcie.flow = value;
        else if (name == "--pcie-delay") options.pcie.delay = value;
        else if (name == "--pcie-queue") options.pcie.queue = value;
        else if (name == "--pcie-completer") options.pcie.completer = value;
        else {
            fprintf(stderr, "simulated board: no option %s\n", name.c_str());
            exit(2);
        }
    }
    if (options.clock_hz == 0 || options.divisor == 0) {
        fprintf(stderr, "simulated board: --clock-hz and --divisor are needed\n");
        exit(2);
    }
    return options;
}

// SIGUSR1 comes when the *thread* that started us ends, so the parent's id decides. It is looked at
// once after the request too: the parent may have died before.
void watch(pid_t parent) {
    if (!parent) return;
    signal(SIGUSR1, note_parent);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
}

bool orphan(pid_t parent) { return parent && getppid() != parent; }

using Clock = std::chrono::steady_clock;

struct Board {
    Options options;
    Hardware hardware;
    Sender sender;
    Receiver receiver;
    std::unique_ptr<Pcie> pcie;  // none without its socket
    bool uart_used = true;       // with a socket: a byte has come
    uint64_t divisor;  // in PARTS
    uint64_t quiet_since = 0;
    Clock::duration busy{};

    explicit Board(const Options& given) : options(given), divisor(given.divisor * PARTS) {
        if (options.pcie.fd >= 0) {
            pcie = std::make_unique<Pcie>(options.pcie, options.clock_hz);
            uart_used = false;
        }
        hardware.reset();
    }

    void set_speed(uint32_t baud) {
        if (baud == 0) return;  // hung up
        divisor = std::max((options.clock_hz * PARTS + baud / 2) / baud, PARTS);
    }

    void simulate(uint64_t cycles) {
        Clock::time_point start = Clock::now();
        for (uint64_t i = 0; i < cycles; ++i) {
#ifdef VOLLEY_PCIE
            if (pcie) {
                if (!uart_used && !pcie->awaited()) break;
                pcie->drive(*hardware.top);
            }
#endif
            receiver.tick(hardware.cycle(sender.tick(divisor)), divisor);
        }
        if (!sender.idle() || receiver.active || hardware.running()) quiet_since = hardware.cycles;
        busy += Clock::now() - start;
    }

    bool idle() const {
        if (pcie && pcie->awaited()) return false;
        return !uart_used || hardware.cycles - quiet_since >= QUIET_CYCLES;
    }

    void serve(Terminal& terminal) {
        while (!stop_asked) {
            if (parent_changed) {
                parent_changed = 0;
                if (orphan(options.parent)) return;
            }
            if (sender.left() < READ_AHEAD) {
                sender.waiting.erase(0, sender.next);
                sender.next = 0;
                size_t before = sender.left();
                if (!terminal.read_into(sender.waiting)) return;
                if (sender.left() > before) {
                    quiet_since = hardware.cycles;
                    uart_used = true;
                }
            }
            if (pcie && !pcie->read_socket()) return;
            set_speed(terminal.baud());  // after reading: what came after a change has its speed
            terminal.write_from(receiver.received);
            if (pcie) pcie->write_socket();
            if (receiver.received.size() > UNREAD_MAX) {
                terminal.wait_for(POLLOUT);
                parent_changed = 1;
            } else if (idle()) {
                rest(terminal);
            } else {
                simulate(BATCH_CYCLES);
            }
        }
    }

    void rest(Terminal& terminal) {
        terminal.wait_for(receiver.received.empty() ? POLLIN : POLLIN | POLLOUT, pcie.get());
        parent_changed = 1;  // or not, but it costs nothing to look
    }

    void report(FILE* out) const {
        double seconds = std::chrono::duration<double>(busy).count();
        fprintf(out, "cycles %llu seconds %.3f cycles_per_second %.0f\n",
                static_cast<unsigned long long>(hardware.cycles), seconds,
                seconds > 0 ? static_cast<double>(hardware.cycles) / seconds : 0.0);
    }
};

}  // namespace

int main(int argc, char** argv) {
    Options options = parse(argc, argv);
    signal(SIGTERM, ask_stop);
    signal(SIGINT, ask_stop);
    signal(SIGHUP, ask_stop);
    signal(SIGPIPE, SIG_IGN);
    watch(options.parent);
    if (orphan(options.parent)) return 0;
    Board board(options);
    if (options.bench) {
        board.simulate(options.bench);
        board.report(stdout);
        return 0;
    }
    Terminal terminal(options.clock_hz / options.divisor);
    printf("%s\n", ptsname(terminal.fd));
    fflush(stdout);
    board.serve(terminal);
    if (options.stats) board.report(stderr);
    return 0;
}
