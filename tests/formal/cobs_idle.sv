// A delimiter ends whatever came before it.
reg zero = 0;
always @(posedge clk) zero <= stuffed_valid && stuffed_data == 0 && !rst;
always @* if (zero) begin
    assert (frame_end_valid && !plain_valid);
    assert (left == 0 && !zero_due && !started);
end
