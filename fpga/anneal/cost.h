// What a move changes: half perimeters of nets, and delays of wires on long paths.

#pragma once

#include "timing.h"

struct Moved {
    int cell;
    Place from;
    int slot;  // before
};

class Cost {
    struct Box {
        int16_t left, right, top, bottom;
        int half() const { return right - left + bottom - top; }
    };
    static const int SMALL = 10;  // cells of a net whose box is computed anew with each move

    Design& d;
    std::vector<int> net_starts, nets;    // of each cell
    std::vector<int> edge_starts, edges;  // that weigh, of each cell
    std::vector<Box> boxes, changed;
    std::vector<float> net_weights, edge_weights;
    std::vector<uint8_t> anew;
    std::vector<int> net_stamp, edge_stamp, touched, touched_edges;
    int stamp = 0;

    Box box_of(int net) const {
        Box b{INT16_MAX, -1, INT16_MAX, -1};
        for (int i = d.starts[net]; i < d.starts[net + 1]; i++) {
            const Place p = d.places[d.pins[i]];
            b.left = std::min(b.left, p.x), b.right = std::max(b.right, p.x);
            b.top = std::min(b.top, p.y), b.bottom = std::max(b.bottom, p.y);
        }
        return b;
    }

    // How much wire a net of many cells takes for each tile of its half perimeter: C. Cheng, "RISA: accurate and
    // efficient placement routability modeling", ICCAD 1994, table 1, by straight lines between its values.
    static float wires(int cells) {
        const struct { int cells; float wires; } known[] = {{3, 1}, {4, 1.08f}, {5, 1.15f}, {6, 1.22f}, {7, 1.28f},
            {8, 1.34f}, {9, 1.4f}, {10, 1.45f}, {15, 1.69f}, {20, 1.89f}, {25, 2.07f}, {30, 2.23f}, {50, 2.79f}, {1 << 20, 27432}};
        if (cells <= known->cells) return known->wires;
        const auto* k = known;
        while (k[1].cells < cells) k++;
        return k->wires + (k[1].wires - k->wires) * (cells - k->cells) / (k[1].cells - k->cells);
    }

    void widen(const Moved& m) {
        const Place to = d.places[m.cell];
        for (int i = net_starts[m.cell]; i < net_starts[m.cell + 1]; i++) {
            const int n = nets[i];
            if (net_stamp[n] != stamp) {
                net_stamp[n] = stamp;
                touched.push_back(n);
                changed[n] = boxes[n];
                anew[n] = d.fanout(n) <= SMALL;
            }
            if (anew[n]) continue;
            const Box& old = boxes[n];
            Box& b = changed[n];
            anew[n] = (m.from.x == old.left && to.x > m.from.x) || (m.from.x == old.right && to.x < m.from.x) ||
                      (m.from.y == old.top && to.y > m.from.y) || (m.from.y == old.bottom && to.y < m.from.y);
            b.left = std::min(b.left, to.x), b.right = std::max(b.right, to.x);
            b.top = std::min(b.top, to.y), b.bottom = std::max(b.bottom, to.y);
        }
    }

    float delays() const {
        float sum = 0;
        for (int k : touched_edges) sum += edge_weights[k] * wire_ps(d, d.driver(d.edges[k].from), d.edges[k].cell);
        return sum / d.unit_ps;
    }

    void exchange(std::vector<Moved>& moves) {
        for (auto& m : moves) std::swap(d.places[m.cell], m.from);
    }

public:
    explicit Cost(Design& design) : d(design) {
        const int count = d.nets();
        std::vector<std::vector<int>> of(d.cells.size());
        for (int n = 0; n < count; n++) {
            net_weights.push_back(wires(d.fanout(n)));
            boxes.push_back(box_of(n));
            for (int i = d.starts[n]; i < d.starts[n + 1] && d.fanout(n) > 1; i++) of[d.pins[i]].push_back(n);
        }
        net_starts.push_back(0);
        for (const auto& each : of) {
            nets.insert(nets.end(), each.begin(), each.end());
            net_starts.push_back((int)nets.size());
        }
        changed.resize(count), anew.resize(count), net_stamp.resize(count);
        edge_stamp.resize(d.edges.size());
    }

    // Another cell on one of a cell's nets, or the cell itself.
    template <class Random>
    int neighbour(int cell, Random& random) const {
        const int count = net_starts[cell + 1] - net_starts[cell];
        if (!count) return cell;
        const int n = nets[net_starts[cell] + random.below(count)];
        const int first = d.pins[d.starts[n] + random.below(d.fanout(n))];
        return first == cell ? d.pins[d.starts[n] + random.below(d.fanout(n))] : first;
    }

    // weights: of edges, in tiles of wire for each unit of delay
    void weigh(const std::vector<float>& weights) {
        edge_weights = weights;
        edge_starts.assign(d.cells.size() + 1, 0);
        for (size_t k = 0; k < weights.size(); k++)
            if (weights[k] > 0) edge_starts[d.driver(d.edges[k].from) + 1]++, edge_starts[d.edges[k].cell + 1]++;
        for (size_t i = 1; i < edge_starts.size(); i++) edge_starts[i] += edge_starts[i - 1];
        edges.resize(edge_starts.back());
        std::vector<int> at(edge_starts.begin(), edge_starts.end() - 1);
        for (size_t k = 0; k < weights.size(); k++)
            if (weights[k] > 0)
                for (int cell : {d.driver(d.edges[k].from), d.edges[k].cell}) edges[at[cell]++] = (int)k;
    }

    // By how much the cost grows by moves that are made already.
    float growth(std::vector<Moved>& moves) {
        stamp++;
        touched.clear(), touched_edges.clear();
        for (const auto& m : moves) {
            widen(m);
            for (int i = edge_starts[m.cell]; i < edge_starts[m.cell + 1]; i++)
                if (edge_stamp[edges[i]] != stamp) edge_stamp[edges[i]] = stamp, touched_edges.push_back(edges[i]);
        }
        float sum = 0;
        for (int n : touched) {
            if (anew[n]) changed[n] = box_of(n);
            sum += net_weights[n] * (changed[n].half() - boxes[n].half());
        }
        if (touched_edges.empty()) return sum;
        const float after = delays();
        exchange(moves);
        const float before = delays();
        exchange(moves);
        return sum + after - before;
    }

    void keep() {  // the moves of the last `growth`
        for (int n : touched) boxes[n] = changed[n];
    }

    int64_t wirelength() const {  // half perimeters, tiles
        int64_t sum = 0;
        for (const auto& b : boxes) sum += b.half();
        return sum;
    }
};
