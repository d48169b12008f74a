// Where line and accelerator answer at once, every request comes to its end: a rank falls.
localparam LONGEST = 240;
reg asked = 0;
always @(posedge clk) asked <= bus_read && bus_ready && !rst;
always @* assume (!rst && requests_valid && requests_data[31:16] <= LONGEST && responses_ready && bus_ready && bus_read_valid == asked && quiet);
wire [2:0] major = step <= 2 ? 7 - step : step <= 4 ? 4 : step == 5 ? 3 : step == 6 ? 2 : step <= 8;
wire [11:0] rank = {major, left, step == 4 || step == 8};
reg [11:0] lowest = 12'hfff;
reg [2:0] still = 0;                      // cycles since it fell
always @(posedge clk) begin
    lowest <= rank;
    if (step == 9 || rank < lowest) still <= 0;
    else still <= still + 1;
end
always @* begin
    assert (still <= 3 && step <= 9 && left <= LONGEST);
    assert ((step == 8) == (bus_read || asked) && !(bus_read && asked));
    assert (responses_valid == (step == 6 || step == 7));
end
