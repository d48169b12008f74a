// From any state: two cycles behind a delimiter the receiver waits for a frame's first byte.
reg zero = 0, ended = 0, lost_since = 0;
always @(posedge clk) begin
    zero <= received_valid && received_data == 0 && !rst;
    ended <= zero && !rst;
    lost_since <= lost;
end
always @* if (ended) begin
    assert (byte_index == 0 && length == 0 && !refused && head == base && clear);
    assert (!hurt || lost_since);
end
