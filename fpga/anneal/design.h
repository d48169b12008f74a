// A placed design, as fpga/anneal/tables.py writes it: cells, nets, edges of the timing graph and the device's sites.

#pragma once

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

enum Kind { FIXED, LUT, FLIP_FLOP, TIED_LUT, TIED_FLIP_FLOP, RAM_WRITER, BLOCK };
// TIED: part of a carry chain or a LUT RAM, which moves with its whole tile. BLOCK: a block RAM or a multiplier.

const int SLOTS = 8;  // of a tile: a LUT and a flip-flop each, two slots are a slice
const int NONE = -1;

struct Cell {
    int32_t kind, slot;           // slot: of the tile; of a BLOCK, its site
    int32_t tile_control, slice_control;  // flip-flops of a tile, of a slice, need the same
    int32_t lut;                  // of a flip-flop that takes its data from the LUT of its slot, or NONE
};

struct Place {
    int16_t x, y;
};

struct Edge {
    int32_t from, to;  // nets; to is NONE at the end of a path
    int32_t cell;      // that the net `from` goes to
    int32_t delay;     // of the cell, ps
    int32_t wired;     // whether the wire takes time
};

struct Site {
    int32_t kind, x, y;
};

struct Design {
    int width = 0, height = 0, unit_ps = 0;  // unit: of `wire_ps`
    std::vector<Cell> cells;
    std::vector<Place> places;       // of cells
    std::vector<int32_t> starts;     // of a net's cells in pins
    std::vector<int32_t> pins;       // a net's cells, its driver first
    std::vector<int32_t> launch;     // of nets: ps after the clock, or NONE behind logic
    std::vector<Edge> edges;
    std::vector<uint8_t> logic, linked;  // of tiles: has slots; a carry goes on to the right
    std::vector<Site> sites;

    int tile(int cell) const { return places[cell].y * width + places[cell].x; }
    int nets() const { return (int)launch.size(); }
    int driver(int net) const { return pins[starts[net]]; }
    int fanout(int net) const { return starts[net + 1] - starts[net]; }  // with the driver
};

class Reader {
    FILE* file;

public:
    explicit Reader(const char* path) : file(fopen(path, "rb")) {
        if (!file) throw std::runtime_error(std::string("cannot read ") + path);
    }
    ~Reader() { fclose(file); }
    std::vector<int32_t> take(size_t count) {
        std::vector<int32_t> values(count);
        if (count && fread(values.data(), 4, count, file) != count) throw std::runtime_error("input ends early");
        return values;
    }
};

inline Design read_design(const char* path) {
    Reader in(path);
    Design d;
    const auto head = in.take(10);
    d.width = head[0], d.height = head[1], d.unit_ps = head[2];
    const int cells = head[3], nets = head[4], pins = head[5], edges = head[6];
    const auto rows = in.take(7 * (size_t)cells);
    for (int i = 0; i < cells; i++) {
        const int32_t* r = &rows[7 * (size_t)i];
        d.cells.push_back({r[0], r[3], r[4], r[5], r[6]});
        d.places.push_back({(int16_t)r[1], (int16_t)r[2]});
    }
    d.starts = in.take(nets + 1);
    d.pins = in.take(pins);
    d.launch = in.take(nets);
    const auto graph = in.take(5 * (size_t)edges);
    for (size_t i = 0; i < graph.size(); i += 5)
        d.edges.push_back({graph[i], graph[i + 1], graph[i + 2], graph[i + 3], graph[i + 4]});
    d.logic.assign(d.width * d.height, 0);
    d.linked = d.logic;
    for (auto* flags : {&d.logic, &d.linked}) {
        const auto tiles = in.take(head[flags == &d.logic ? 7 : 8]);
        for (int32_t tile : tiles) flags->at(tile) = 1;
    }
    const auto sites = in.take(3 * (size_t)head[9]);
    for (size_t i = 0; i < sites.size(); i += 3) d.sites.push_back({sites[i], sites[i + 1], sites[i + 2]});
    return d;
}

inline void write_places(const Design& d, const std::vector<int>& order, const char* path) {
    // in the order of the input: order[i] is where its cell i is now
    std::vector<int32_t> values;
    for (int i : order) values.insert(values.end(), {d.places[i].x, d.places[i].y, d.cells[i].slot});
    FILE* file = fopen(path, "wb");
    const bool whole = file && fwrite(values.data(), 4, values.size(), file) == values.size();
    if (!file || fclose(file) || !whole) throw std::runtime_error(std::string("cannot write ") + path);
}
