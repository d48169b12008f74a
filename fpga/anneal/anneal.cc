// Simulated annealing of a placed design: S. Kirkpatrick, C. Gelatt, M. Vecchi, "Optimization by simulated annealing", Science 220, 1983.
//
//     anneal INPUT OUTPUT MHZ MOVES SEED
//
// MHZ: the clock, near and beyond which paths weigh. MOVES: that are tried for each cell, at all temperatures together.

#include "moves.h"
#include "order.h"

struct Schedule {  // temperatures in tiles of wire, ranges in tiles
    double hottest = 3, coldest = 0.1;
    int widest = 50, closest = 3;
    int steps = 600, cold = 20;  // cold: those at the end, without temperature

    double temperature(int step) const {
        return step < steps - cold ? hottest * std::pow(coldest / hottest, (double)step / (steps - cold)) : 0;
    }
    int range(int step) const {
        return std::max(closest, (int)(widest * std::pow((double)closest / widest, (double)step / steps)));
    }
};

static void anneal(const char* input, const char* output, double mhz, int moves_each, int seed) {
    Design d = read_design(input);
    const auto order = sort_by_place(d);
    Random random(seed);
    Timing timing(d);
    Cost cost(d);
    Moves moves(d, cost, random);
    const Schedule schedule;
    const float period = (float)(1e6 / mhz);
    std::vector<float> weights;
    int64_t movable = 0;
    for (const auto& c : d.cells) movable += c.kind != FIXED;
    const int steps = schedule.steps;
    const int64_t attempts = movable * moves_each / steps + 1, hold = std::max<int64_t>(1, attempts / (4 * (movable / 512 + 1)));
    for (int step = 0; step < steps; step++) {
        timing.analyse(period, weights);
        printf("step %d of %d: wirelength %lld, %.1f MHz estimated, %d ends of paths too slow\n", step, steps,
               (long long)cost.wirelength(), 1e6 / timing.worst, timing.late);
        fflush(stdout);
        cost.weigh(weights);
        moves.temperature = schedule.temperature(step);
        moves.range = schedule.range(step);
        for (int64_t i = 0; i < attempts; i++) {
            if (i % hold == 0) moves.advance();
            const int kind = random.below(100);
            if (kind < 88) moves.slot();
            else if (kind < 99) moves.run();
            else moves.block();
        }
    }
    timing.analyse(period, weights);
    printf("annealed: wirelength %lld, %.1f MHz estimated, %d ends of paths too slow, %lld of %lld moves kept\n",
           (long long)cost.wirelength(), 1e6 / timing.worst, timing.late, (long long)moves.kept, (long long)moves.tried);
    write_places(d, order, output);
}

int main(int count, char** arguments) {
    if (count != 6) {
        fprintf(stderr, "usage: anneal INPUT OUTPUT MHZ MOVES SEED\n");
        return 2;
    }
    try {
        anneal(arguments[1], arguments[2], atof(arguments[3]), atoi(arguments[4]), atoi(arguments[5]));
        return 0;
    } catch (const std::exception& error) {
        fprintf(stderr, "error: %s\n", error.what());
        return 1;
    }
}
