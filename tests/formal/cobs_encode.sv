// The ring of the encoder: the open block behind a place for its code, before it what may leave.
localparam BYTES = 512, BLOCK = 254;
reg [11:0] held = 1;                  // from the next byte to leave to the next to come
reg [11:0] closed = 0;                // of them, bytes whose block has its code
wire take = plain_ready && plain_valid && !ending_now;
wire ending_now = ending || length == BLOCK;
wire only_end = ending && after_full && length == 0;
wire gone = !stuffed_valid && tail != readable;
wire ends = ending_now || (take && !plain_last && plain_data == 0);
always @(posedge clk) begin
    if (rst) begin held <= 1; closed <= 0; end
    else begin
        held <= held - gone + (ending_now || (take && !plain_last));
        closed <= closed - gone + (only_end ? 1 : ends ? length + 1 : 0);
    end
end
reg [11:0] ripe = 0;                  // closed a cycle ago: the code is in the RAM
always @(posedge clk) ripe <= rst ? 0 : closed - gone;
reg waiting = 0;
reg [7:0] waiting_data = 0;
always @(posedge clk) begin
    waiting <= stuffed_valid && !stuffed_ready && !rst;
    waiting_data <= stuffed_data;
end
always @* begin
    assert (held[8:0] == head - tail && closed[8:0] == code_address - tail);
    assert (closed + length + 1 == held && length <= BLOCK);
    assert (ripe[8:0] == readable - tail && ripe <= closed);
    // no overflow: a byte is taken where four are free, and a frame's end takes two of them
    assert (held <= BYTES - 3 && !(ending_now && plain_ready) && !(ending && length == BLOCK));
    if (plain_ready || (ending && !only_end)) assert (held <= BYTES - 5);
    if (ending_now) assert (held <= BYTES - 4);
    // a code byte is no delimiter, and a block is not longer than its code can say
    if (write && write_address + 9'd1 == head) assert (write_data != 0 || length == 0);
    if (waiting) assert (stuffed_valid && stuffed_data == waiting_data);
    assert (busy == (closed != 0 || length != 0 || ending || stuffed_valid));
end
