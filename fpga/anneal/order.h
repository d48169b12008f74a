// Cells and nets that lie together on the device come to lie together in memory: moves are twice as fast.

#pragma once

#include <algorithm>
#include <numeric>

#include "design.h"

template <class T>
void permute(std::vector<T>& values, const std::vector<int>& order) {
    std::vector<T> sorted;
    sorted.reserve(values.size());
    for (int i : order) sorted.push_back(values[i]);
    values = sorted;
}

inline std::vector<int> inverse(const std::vector<int>& order) {
    std::vector<int> back(order.size());
    for (size_t i = 0; i < order.size(); i++) back[order[i]] = (int)i;
    return back;
}

// Returns where each cell of the input is now.
inline std::vector<int> sort_by_place(Design& d) {
    const int square = 8;  // tiles, whose cells follow each other
    std::vector<int> cells(d.cells.size()), nets(d.nets());
    std::iota(cells.begin(), cells.end(), 0);
    std::iota(nets.begin(), nets.end(), 0);
    const auto key = [&](int i) {
        const Place p = d.places[i];
        return ((p.y / square * d.width + p.x / square) * square + p.y % square) * square + p.x % square;
    };
    std::stable_sort(cells.begin(), cells.end(), [&](int a, int b) { return key(a) < key(b); });
    const auto cell = inverse(cells);
    permute(d.cells, cells);
    permute(d.places, cells);
    for (auto& c : d.cells)
        if (c.lut != NONE) c.lut = cell[c.lut];
    for (auto& pin : d.pins) pin = cell[pin];

    std::stable_sort(nets.begin(), nets.end(), [&](int a, int b) { return d.driver(a) < d.driver(b); });
    const auto net = inverse(nets);
    std::vector<int32_t> starts{0}, pins;
    for (int n : nets) {
        pins.insert(pins.end(), d.pins.begin() + d.starts[n], d.pins.begin() + d.starts[n + 1]);
        starts.push_back((int32_t)pins.size());
    }
    d.starts = starts, d.pins = pins;
    permute(d.launch, nets);
    for (auto& e : d.edges) e = {net[e.from], e.to == NONE ? NONE : net[e.to], cell[e.cell], e.delay, e.wired};
    std::stable_sort(d.edges.begin(), d.edges.end(), [](const Edge& a, const Edge& b) { return a.from < b.from; });
    return cell;
}
