// A FIFO between two clocks that may tick at any time, together or not: counters as they are seen on either side.
localparam ITEMS = 32;
function [5:0] decode(input [5:0] code);
    decode = code ^ (code >> 1) ^ (code >> 2) ^ (code >> 3) ^ (code >> 4) ^ (code >> 5);
endfunction
function one_bit(input [5:0] changed);
    one_bit = (changed & (changed - 6'd1)) == 0;
endfunction
// all counters as distances from the oldest view of ``taken``, the one that the source has
wire [5:0] oldest = decode(taken_seen);
wire [5:0] d_meta = decode(taken_meta) - oldest;
wire [5:0] d_taken = taken - oldest;
wire [5:0] d_seen = decode(written_seen) - oldest;
wire [5:0] d_coming = decode(written_meta) - oldest;
wire [5:0] d_written = written - oldest;
reg [5:0] written_code = 0, taken_code = 0;   // what crosses, a cycle ago
always @(posedge write_clk) written_code <= written_gray;
always @(posedge read_clk) taken_code <= taken_gray;
// what any one item of the count ``which`` is
(* anyconst *) reg [5:0] which;
reg [83:0] content = 0;
reg known = 0;
wire put = source_valid && source_ready;
wire get = (sink_ready || !sink_valid) && taken_gray != written_seen;
always @(posedge write_clk)
    if (put && written == which) begin
        content <= {source_last, source_data}; known <= 1;
    end
reg moved = 0, waiting = 0;                   // the item left; an item waits for the sink
reg [83:0] moved_item = 0, waiting_item = 0;
always @(posedge read_clk) begin
    moved <= get && taken == which;
    moved_item <= content;
    waiting <= sink_valid && !sink_ready;
    waiting_item <= {sink_last, sink_data};
end
wire [5:0] ahead = which - taken;
wire [5:0] inside = written - taken;
wire [83:0] shown = memory[which[4:0]];
always @* begin
    assume (!write_rst && !read_rst);
    assert (written_gray == (written ^ (written >> 1)) && taken_gray == (taken ^ (taken >> 1)));
    // of what crosses one bit changes at a time: whenever it is sampled, it is the old code or the new one
    assert (one_bit(written_gray ^ written_code) && one_bit(taken_gray ^ taken_code));
    // no side sees more than there is, and there is never more than fits
    assert (d_meta <= d_taken && d_taken <= d_seen && d_seen <= d_coming);
    assert (d_coming <= d_written && d_written <= ITEMS);
    // what was taken from the source stays as it was, and leaves so
    if (ahead < inside) assert (known && shown == content);
    if (moved) assert (sink_valid && {sink_last, sink_data} == moved_item);
    if (waiting) assert (sink_valid && {sink_last, sink_data} == waiting_item);
end
