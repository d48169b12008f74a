// Moves that leave a design legal: slots change their contents, tiles, block RAMs and multipliers their places.

#pragma once

#include <array>
#include <cmath>

#include "cost.h"

class Random {
    uint64_t state;

public:
    explicit Random(uint64_t seed) : state(seed * 0x9e3779b97f4a7c15 + 0x2545f4914f6cdd1d) {}
    uint32_t next() {  // G. Marsaglia, "Xorshift RNGs", 2003
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        return (uint32_t)(state >> 32);
    }
    int below(int count) { return (int)((uint64_t)next() * count >> 32); }
    int within(int reach) { return below(2 * reach + 1) - reach; }
    float fraction() { return next() * (1.0f / 4294967296.0f); }
};

class Moves {
    struct Tile {
        std::array<int, SLOTS> lut, flip_flop;
        int writer = NONE;  // of a LUT RAM
        bool fixed = false;
        Tile() { lut.fill(NONE), flip_flop.fill(NONE); }
    };
    static const int WINDOW = 4096;  // cells, out of which the next ones to move come

    Design& d;
    Cost& cost;
    Random& random;
    std::vector<Tile> tiles;
    std::vector<int> partner;    // flip-flop that takes its data from the LUT of its slot
    std::vector<int> block_at;   // of sites
    std::vector<std::vector<int>> blocks, sites;  // by kind of site
    std::vector<Moved> moves;
    int base = 0;

    void put(int cell, int x, int y, int slot) {
        if (cell == NONE) return;
        moves.push_back({cell, d.places[cell], d.cells[cell].slot});
        d.places[cell] = {(int16_t)x, (int16_t)y};
        d.cells[cell].slot = slot;
    }

    void put(const Tile& tile, int x, int y) {
        for (int s = 0; s < SLOTS; s++) put(tile.lut[s], x, y, s), put(tile.flip_flop[s], x, y, s);
        if (tile.writer != NONE) put(tile.writer, x, y, d.cells[tile.writer].slot);
    }

    bool keeps() {
        const float growth = cost.growth(moves);
        if (growth <= 0 || (temperature > 0 && random.fraction() < std::exp(-growth / temperature))) {
            cost.keep();
            return true;
        }
        for (const auto& m : moves) d.places[m.cell] = m.from, d.cells[m.cell].slot = m.slot;
        return false;
    }

    // Where a cell would like to be: near one that it is connected to, or anywhere within the range.
    Place target(int cell, Place from, float directed) {
        int x = random.within(range), y = random.within(range);
        if (random.fraction() < directed) {
            const Place to = d.places[cost.neighbour(cell, random)];
            const int spot = 1 + random.below(3);
            x = std::clamp(to.x - d.places[cell].x + random.within(spot), -range, range);
            y = std::clamp(to.y - d.places[cell].y + random.within(spot), -range, range);
        }
        return {(int16_t)(from.x + x), (int16_t)(from.y + y)};
    }

    template <class Wanted>
    int pick(Wanted wanted) {  // NONE where there are none near
        const int count = (int)d.cells.size();
        for (int tries = 0; tries < 64; tries++)
            if (const int cell = (base + random.below(std::min(WINDOW, count))) % count; wanted(d.cells[cell].kind)) return cell;
        return NONE;
    }

    bool is_tied(int cell) const { return cell != NONE && (d.cells[cell].kind == TIED_LUT || d.cells[cell].kind == TIED_FLIP_FLOP); }

    // Flip-flops of a tile have one clock and one reset, those of a slice one enable; beside a LUT RAM
    // only what is there already may say which.
    bool fits(int flip_flop, const Tile& tile, int slot, int leaving) const {
        if (flip_flop == NONE) return true;
        bool alone = true;
        for (int i = 0; i < SLOTS; i++) {
            const int other = tile.flip_flop[i];
            if (other == NONE || other == leaving || other == flip_flop) continue;
            alone = false;
            if (d.cells[other].tile_control != d.cells[flip_flop].tile_control) return false;
            if (i / 2 == slot / 2 && d.cells[other].slice_control != d.cells[flip_flop].slice_control) return false;
        }
        return !alone || tile.writer == NONE;
    }

    bool exchange(int cell, Tile& here, Tile& there, Place to, int slot) {
        const Place from = d.places[cell];
        const int old = d.cells[cell].slot;
        const int lut = there.lut[slot], flip_flop = there.flip_flop[slot];
        const bool pair = (d.cells[cell].kind == LUT ? partner[cell] : d.cells[cell].lut) != NONE;
        const bool whole = pair || (lut != NONE && partner[lut] != NONE);  // both of a slot
        const bool luts = whole || d.cells[cell].kind == LUT, flip_flops = whole || !luts;
        const int my_lut = luts ? here.lut[old] : NONE, my_flip_flop = flip_flops ? here.flip_flop[old] : NONE;
        const int its_lut = luts ? lut : NONE, its_flip_flop = flip_flops ? flip_flop : NONE;
        if (is_tied(my_lut) || is_tied(my_flip_flop) || is_tied(its_lut) || is_tied(its_flip_flop)) return false;
        if (luts && (here.writer != NONE || there.writer != NONE)) return false;
        if (!fits(my_flip_flop, there, slot, its_flip_flop) || !fits(its_flip_flop, here, old, my_flip_flop)) return false;
        moves.clear();
        put(my_lut, to.x, to.y, slot), put(my_flip_flop, to.x, to.y, slot);
        put(its_lut, from.x, from.y, old), put(its_flip_flop, from.x, from.y, old);
        tried++;
        if (!keeps()) return true;
        kept++;
        if (luts) there.lut[slot] = my_lut, here.lut[old] = its_lut;
        if (flip_flops) there.flip_flop[slot] = my_flip_flop, here.flip_flop[old] = its_flip_flop;
        return true;
    }

    bool usable(int x, int y) const {
        return x >= 0 && y >= 0 && x < d.width && y < d.height && d.logic[y * d.width + x] && !tiles[y * d.width + x].fixed;
    }

public:
    double temperature = 0;
    int range = 1;
    int64_t tried = 0, kept = 0;

    Moves(Design& design, Cost& costs, Random& source) : d(design), cost(costs), random(source), tiles(d.width * d.height) {
        partner.assign(d.cells.size(), NONE);
        block_at.assign(d.sites.size(), NONE);
        for (size_t s = 0; s < d.sites.size(); s++) {
            const size_t kind = d.sites[s].kind;
            if (sites.size() <= kind) sites.resize(kind + 1), blocks.resize(kind + 1);
            sites[kind].push_back((int)s);
        }
        for (int i = 0; i < (int)d.cells.size(); i++) {
            const Cell& c = d.cells[i];
            Tile& tile = tiles[d.tile(i)];
            if (c.lut != NONE) partner[c.lut] = i;
            if (c.kind == FIXED) tile.fixed = true;
            if (c.kind == LUT || c.kind == TIED_LUT) tile.lut[c.slot] = i;
            if (c.kind == FLIP_FLOP || c.kind == TIED_FLIP_FLOP) tile.flip_flop[c.slot] = i;
            if (c.kind == RAM_WRITER) tile.writer = i;
            if (c.kind == BLOCK) block_at[c.slot] = i, blocks[d.sites[c.slot].kind].push_back(i);
        }
    }

    void advance() { base = (base + WINDOW / 16 + random.below(WINDOW / 4)) % (int)d.cells.size(); }

    void slot() {
        const int cell = pick([](int kind) { return kind == LUT || kind == FLIP_FLOP; });
        if (cell == NONE) return;
        const Place from = d.places[cell], to = target(cell, from, 0.75f);
        if ((to.x == from.x && to.y == from.y) || !usable(to.x, to.y) || !usable(from.x, from.y)) return;
        Tile &here = tiles[d.tile(cell)], &there = tiles[to.y * d.width + to.x];
        const int first = random.below(SLOTS);
        for (int i = 0; i < SLOTS; i++)
            if (exchange(cell, here, there, to, (first + i) % SLOTS)) return;
    }

    // The tiles of a carry chain, or that of a LUT RAM, and as many others change places.
    void run() {
        const int cell = pick([](int kind) { return kind == TIED_LUT; });
        if (cell == NONE) return;
        const int y = d.places[cell].y;
        int first = d.places[cell].x, last = first;
        while (d.linked[y * d.width + first - 1]) first--;
        while (d.linked[y * d.width + last]) last++;
        const int length = last - first + 1;
        const Place to = target(cell, {(int16_t)first, (int16_t)y}, 0.5f);
        if (to.x < 1 || to.x + length >= d.width || (to.y == y && std::abs(to.x - first) < length)) return;
        for (int i = 0; i < length; i++)
            if (!usable(to.x + i, to.y) || !usable(first + i, y)) return;
        const int a = y * d.width + first, b = to.y * d.width + to.x;
        if (d.linked[b - 1] || d.linked[b + length - 1]) return;
        moves.clear();
        for (int i = 0; i < length; i++)
            put(tiles[a + i], to.x + i, to.y), put(tiles[b + i], first + i, y);
        tried++;
        if (!keeps()) return;
        kept++;
        for (int i = 0; i < length; i++) std::swap(tiles[a + i], tiles[b + i]), std::swap(d.linked[a + i], d.linked[b + i]);
    }

    void block() {
        if (blocks.empty()) return;
        const int kind = random.below((int)blocks.size());
        if (blocks[kind].empty()) return;
        const int cell = blocks[kind][random.below((int)blocks[kind].size())];
        const int from = d.cells[cell].slot, to = sites[kind][random.below((int)sites[kind].size())];
        if (from == to) return;
        const int other = block_at[to];
        moves.clear();
        put(cell, d.sites[to].x, d.sites[to].y, to), put(other, d.sites[from].x, d.sites[from].y, from);
        tried++;
        if (!keeps()) return;
        kept++;
        block_at[to] = cell, block_at[from] = other;
    }
};
