// Against a count of the bytes of a block, up from its code byte; the block counts down.
reg [7:0] code = 0, place = 0;       // the block's code byte; bytes of it so far, with the code
reg any = 0;                         // a byte came since the delimiter
reg out = 0, due = 0, ended = 0, cut = 0, none = 0;
reg [7:0] byte_out = 0;
always @(posedge clk) begin
    out <= 0;
    ended <= 0;
    if (rst) begin
        code <= 0; place <= 0; any <= 0;
    end
    else if (stuffed_valid && stuffed_data == 0) begin
        ended <= 1; cut <= place != code; none <= !any;
        code <= 0; place <= 0; any <= 0;
    end
    else if (stuffed_valid) begin
        any <= 1;
        if (place == code) begin
            // a new block: a zero lies between it and the one before, unless that one was full
            out <= any && code != 255; byte_out <= 0;
            code <= stuffed_data; place <= 1;
        end
        else begin
            out <= 1; byte_out <= stuffed_data;
            place <= place + 1;
        end
    end
end
always @* begin
    assert (place <= code && (any == (code != 0)) && (code == 0) == (place == 0));
    assert (left == code - place);
    assert (zero_due == (any && code != 255));
    assert (started == any);
    assert (plain_valid == out && frame_end_valid == ended);
    if (out) assert (plain_data == byte_out);
    if (ended) assert (frame_end_broken == cut && frame_end_empty == none);
    assert (!(plain_valid && frame_end_valid));
end
