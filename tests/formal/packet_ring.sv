// A FIFO of whole packets: counters that cannot wrap, and what any one place of the ring holds.
localparam ITEMS = 512;
reg [11:0] visible = 0, open = 0;     // items to leave; items of the packet that comes
reg over = 0, left_out = 0;           // the packet is too long; it left no trace
wire alone = visible == 0 && open == ITEMS - 1;
wire at_limit = visible + open == ITEMS - 1;
wire take = source_valid && source_ready;
wire kept = take && !(source_last ? bad || over || alone : alone || over);
wire leave = (sink_ready || !sink_valid) && visible != 0;
always @(posedge clk) begin
    left_out <= 0;
    if (rst) begin
        visible <= 0; open <= 0; over <= 0;
    end
    else begin
        visible <= visible - leave;
        if (take) begin
            if (kept) open <= open + 1;
            else begin open <= 0; over <= 1; end
            if (source_last) begin
                open <= 0; over <= 0;
                if (kept) visible <= visible - leave + open + 1;
                else left_out <= 1;
            end
        end
    end
end
(* anyconst *) reg [8:0] where;
reg [32:0] content = 0;
reg known = 0;
wire [8:0] distance = where - tail;
wire [32:0] shown = ring[where];
always @(posedge clk) begin
    if (rst) known <= 0;
    else if (kept && head == where) begin
        content <= {source_last, source_data}; known <= 1;
    end
end
reg moved = 0, waiting = 0;           // the item of ``where`` left; an item waits for the sink
reg [32:0] moved_item = 0, waiting_item = 0;
always @(posedge clk) begin
    moved <= leave && distance == 0 && !rst;
    moved_item <= content;
    waiting <= sink_valid && !sink_ready && !rst;
    waiting_item <= {sink_last, sink_data};
end
always @* begin
    // no overflow: the pointers are the counters
    assert (visible + open <= ITEMS - 1);
    assert (visible[8:0] == base - tail && open[8:0] == head - base && refused == over);
    if (over) assert (open == 0);
    // it takes an item unless it is at_limit of what will leave; so a packet ends, however long
    assert (source_ready == (over || alone || !at_limit));
    assert (dropped == left_out);
    // what is in the ring stays as it was, and leaves so
    if (distance < visible + open) assert (known && shown == content);
    if (moved) assert (sink_valid && {sink_last, sink_data} == moved_item);
    if (waiting) assert (sink_valid && {sink_last, sink_data} == waiting_item);
end
