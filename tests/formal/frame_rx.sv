// Counters that cannot wrap, a CRC of another form, and the frame's own bytes.
localparam WORDS = 512, LONGEST = 243;
reg [11:0] visible = 0, open = 0;    // words to fetch; words of the frame on the line
reg [11:0] bytes = 0;                // of the frame, as far as a frame may be long
reg [31:0] register = 32'hffffffff;  // CRC-32 of IEEE 802.3, the highest bit of the polynomial first
reg [31:0] first = 0;                // the frame's first word
reg [23:0] tail_bytes = 0;           // the last three bytes
reg lost_byte = 0, over = 0;
reg good = 0, was_reset = 0;
reg [8:0] base_before = 0;
reg [11:0] open_before = 0;
reg [15:0] promise_kept = 0;
integer k;
reg [31:0] stepped;
always @* begin
    stepped = register;
    for (k = 0; k < 8; k = k + 1)
        stepped = (stepped << 1) ^ ((stepped[31] ^ plain_data[k]) ? 32'h04c11db7 : 0);
end
wire word_ends = plain_valid && bytes[1:0] == 3;
wire fits = open < LONGEST && visible + open < WORDS - 1;
wire [31:0] word = {plain_data, tail_bytes};
wire [15:0] promised = first[15:8] == 3 ? first[31:16] : 0;
// register of a message followed by its own CRC: c704dd7b, and every residue is right for one message only
wire right = frame_end_valid && !frame_end_empty && !frame_end_broken && !lost_byte && !over
    && register == 32'hc704dd7b && bytes == 4 * (promised + 3);
wire fetch = !requests_valid && visible != 0;
always @(posedge clk) begin
    good <= 0;
    was_reset <= rst;
    base_before <= base;
    open_before <= open;
    promise_kept <= promised;
    if (rst) begin
        visible <= 0; open <= 0; bytes <= 0; lost_byte <= 0; over <= 0; register <= 32'hffffffff;
    end
    else begin
        visible <= visible - fetch;
        if (plain_valid) begin
            register <= stepped;
            tail_bytes <= {plain_data, tail_bytes[23:8]};
            if (bytes < 4 * LONGEST + 4) bytes <= bytes + 1;
            else bytes <= bytes - 3;  // longer than any frame: only the place in a word counts
            if (word_ends) begin
                if (bytes == 3) first <= word;
                if (fits) open <= open + 1;
                else over <= 1;
            end
        end
        else if (frame_end_valid) begin
            bytes <= 0; open <= 0; over <= 0; register <= 32'hffffffff;
            if (right) begin
                good <= 1;
                visible <= visible - fetch + open - 1;
            end
        end
        if (frame_end_valid) lost_byte <= 0;
    end
    if (lost) lost_byte <= 1;
end
// what a word holds: any place of the ring
(* anyconst *) reg [8:0] where;
reg [31:0] content = 0;
reg known = 0;
wire [8:0] distance = where - tail;
always @(posedge clk) begin
    if (rst) known <= 0;
    else if (word_ends && fits && head == where) begin
        content <= word; known <= 1;
    end
end
wire [31:0] shown = ring[where];
// how the ring's reader keeps the rules of a stream
reg waiting = 0;
reg [31:0] waiting_data = 0;
always @(posedge clk) begin
    waiting <= requests_valid && !requests_ready && !rst;
    waiting_data <= requests_data;
end
always @* begin
    // no overflow: the pointers are the counters
    assert (visible + open <= WORDS - 1);
    assert (visible[8:0] == base - tail && visible < WORDS);
    assert (open[8:0] == head - base && open <= LONGEST);
    // the frame's bytes
    assert (bytes <= 4 * LONGEST + 4);
    assert (byte_index == bytes[1:0]);
    assert (length == open && refused == over);
    if (!over) assert (open == bytes >> 2 && (open == 0 || payload == promised));
    assert (hurt == lost_byte);
    if (byte_index == 1) assert (gathered[23:16] == tail_bytes[23:16]);
    if (byte_index == 2) assert (gathered[23:8] == tail_bytes[23:8]);
    if (byte_index == 3) assert (gathered == tail_bytes);
    // the CRC is that of the bytes since the delimiter
    for (k = 0; k < 32; k = k + 1) assert (clear || crc[k] == !register[31 - k]);
    if (clear) assert (register == 32'hffffffff && !plain_valid && bytes == 0);
    // nothing is accepted but a whole frame, and that with all of its words but the CRC
    if (good && !was_reset) assert (base == base_before + open_before[8:0] - 9'd1);
    else if (!was_reset) assert (base == base_before);
    assert (events_intact || !good);
    if (good) assert (promise_kept <= 240);
    // what was written stays as it was
    if (distance < visible + open && !rst) assert (known);
    if (known && distance < visible + open) begin
        if (write && write_address == where) assert (write_data == content);
        else assert (shown == content);
    end
    if (write) assert (write_address == head - 9'd1 || bytes == 0);
    if (waiting) assert (requests_valid && requests_data == waiting_data);
end
