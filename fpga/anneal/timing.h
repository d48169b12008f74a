// Static timing: the longest path through each edge, and how much an edge's wire is to weigh.

#pragma once

#include <algorithm>
#include <cstdlib>

#include "design.h"

// nextpnr's own estimate for ECP5 (predictDelay of its ecp5/arch.cc): units of a distance in tiles.
inline int wire_ps(const Design& d, int from, int to) {
    const int near = 5, direct = 3;
    const int x = std::abs(d.places[from].x - d.places[to].x), y = std::abs(d.places[from].y - d.places[to].y);
    if (!x && !y) return direct * d.unit_ps;
    return d.unit_ps * (6 + std::max(x - near, 0) + std::max(y - near, 0) + 2 * (std::min(x, near) + std::min(y, near)));
}

class Timing {
    const Design& d;
    std::vector<int> order;   // of nets, drivers before what they drive
    std::vector<int> first;   // edge of each net
    std::vector<float> arrival, rest;  // ps from a clock to a net, and from it to the end of the longest path
    static constexpr float NEVER = -1e9f;

    float edge_ps(const Edge& e) const { return e.delay + (e.wired ? wire_ps(d, d.driver(e.from), e.cell) : 0); }
    float rest_of(const Edge& e) const { return edge_ps(e) + (e.to == NONE ? 0 : rest[e.to]); }

public:
    static constexpr float NEAR = 0.75f;  // of the period: paths from there on weigh
    static constexpr float AT_PERIOD = 4;  // what a wire's unit of time weighs on a path as long as the period, in tiles of wire
    static constexpr float MOST = 9 * AT_PERIOD;
    float worst = 0;    // ps of the longest path
    int late = 0;       // ends of paths over the period

    explicit Timing(const Design& design) : d(design), first(design.nets() + 1, 0) {
        std::vector<int> inputs(d.nets(), 0);
        for (const auto& e : d.edges) {
            first[e.from + 1]++;
            if (e.to != NONE) inputs[e.to]++;
        }
        for (int n = 0; n < d.nets(); n++) first[n + 1] += first[n];
        for (int n = 0; n < d.nets(); n++)
            if (!inputs[n]) order.push_back(n);
        for (size_t i = 0; i < order.size(); i++)
            for (int k = first[order[i]]; k < first[order[i] + 1]; k++)
                if (const int to = d.edges[k].to; to != NONE && !--inputs[to]) order.push_back(to);
        if ((int)order.size() != d.nets()) throw std::runtime_error("a loop of logic without a register");
    }

    // An edge weighs by the square of how far its longest path is beyond NEAR.
    void analyse(float period, std::vector<float>& weights) {
        arrival.assign(d.nets(), NEVER);
        rest.assign(d.nets(), NEVER);
        worst = 0, late = 0;
        for (int n : order) {
            if (d.launch[n] != NONE) arrival[n] = std::max(arrival[n], (float)d.launch[n]);
            if (arrival[n] < 0) continue;
            for (int k = first[n]; k < first[n + 1]; k++)
                if (const Edge& e = d.edges[k]; e.to != NONE)
                    arrival[e.to] = std::max(arrival[e.to], arrival[n] + edge_ps(e));
        }
        for (auto n = order.rbegin(); n != order.rend(); ++n)
            for (int k = first[*n]; k < first[*n + 1]; k++) rest[*n] = std::max(rest[*n], rest_of(d.edges[k]));
        weights.assign(d.edges.size(), 0);
        for (size_t k = 0; k < d.edges.size(); k++) {
            const Edge& e = d.edges[k];
            const float path = arrival[e.from] + rest_of(e);
            if (path <= 0) continue;
            worst = std::max(worst, path);
            late += e.to == NONE && path > period;
            const float beyond = (path / period - NEAR) / (1 - NEAR);
            if (e.wired && beyond > 0) weights[k] = std::min(AT_PERIOD * beyond * beyond, MOST);
        }
    }
};
