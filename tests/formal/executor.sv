// The words that pass in and out, counted by themselves; the executor has one request at a time.
localparam IDENTIFY = 1, READ = 2, WRITE = 3, RUN = 4, OK = 0, LONGEST = 240;
wire in = requests_valid && requests_ready, out = responses_valid && responses_ready;

// what the receiver keeps: an item stays until it passes, and a WRITE promises what it has
reg held = 0;
reg [31:0] held_data = 0;
always @(posedge clk) begin
    held <= requests_valid && !requests_ready && !rst;
    held_data <= requests_data;
end
// what the accelerator keeps: a read is answered once, later; a program runs after it was started
reg asked = 0, runs_before = 0, started = 0;
always @(posedge clk) begin
    if (rst || bus_read_valid) asked <= 0;
    else if (bus_read && bus_ready) asked <= 1;
    runs_before <= bus_running;
    started <= bus_run;
end
always @* begin
    if (held) assume (requests_valid && requests_data == held_data);
    if (requests_data[15:8] == WRITE) assume (requests_data[31:16] <= LONGEST || in_at != 0);
    if (!asked) assume (!bus_read_valid);
    if (bus_running) assume (runs_before || started);
end

reg pending = 0;                          // a request whose answer has not passed
reg [8:0] in_at = 0, out_at = 0;          // words of it that passed, and of its answer
reg [31:0] first = 0, where = 0;          // its header and address
reg in_order = 0;                         // it is the next one, or IDENTIFY
reg [7:0] next = 0;
reg [15:0] session = 0;
reg [8:0] writes = 0;                     // accesses that began
reg one_run = 0;                          // it has started the program
wire [8:0] in_total = 2 + (first[15:8] == WRITE ? first[24:16] : 0);
wire is_identify = first[15:8] == IDENTIFY;
wire writes_now = work_access && step == 3;
always @(posedge clk) begin
    if (rst) begin
        pending <= 0; in_at <= 0; out_at <= 0; next <= 0; session <= 0; in_order <= 0;
    end
    else begin
        if (in) begin
            in_at <= in_at + 1;
            if (in_at == 0) begin
                pending <= 1; first <= requests_data; out_at <= 0; writes <= 0; one_run <= 0;
                in_order <= 0;
            end
            if (in_at == 1) begin
                where <= requests_data;
                in_order <= is_identify || first[7:0] == next;
                if (is_identify || first[7:0] == next) next <= first[7:0] + 1;
                if (is_identify) session <= requests_data[15:0];
            end
        end
        if (writes_now) writes <= writes + 1;
        if (out) begin
            out_at <= out_at + 1;
            if (responses_last) begin pending <= 0; in_at <= 0; end
        end
    end
    if (bus_run) one_run <= 1;
end

wire [31:0] answer = {8'd0, left, 5'b10000, status, first[7:0]};
reg [8:0] wanted = 0;                     // words of the answer behind its info
always @(posedge clk) if (step == 5) wanted <= left;
reg spoke = 0;
reg [32:0] spoke_data = 0;
reg wrote = 0, reads = 0;
reg [63:0] access = 0;
always @(posedge clk) begin
    spoke <= responses_valid && !responses_ready && !rst;
    spoke_data <= {responses_last, responses_data};
    wrote <= bus_write && !bus_ready && !rst;
    reads <= bus_read && !bus_ready && !rst;
    access <= {bus_address, bus_write_data};
end

always @* begin
    // every request is answered, once and whole, before the next one is taken
    assert (step <= 9 && left <= LONGEST && status <= 5);
    if (in && in_at == 0) assert (!pending);
    if (out) assert (pending && in_at == in_total && (responses_last == (out_at == 1 + wanted)));
    if (out && out_at == 0) assert (responses_data == {7'd0, wanted, 5'b10000, status, first[7:0]});
    if (out && out_at == 1) assert (responses_data[7:0] == next && responses_data[31:16] == session);
    // how far it is
    assert (in_at <= 2 + LONGEST && out_at <= 2 + LONGEST);
    if (pending) assert (in_at <= in_total);
    if (step == 0 || step == 9) assert (!pending && in_at == 0 && !requests_ready && !responses_valid);
    if (step == 1 && requests_ready) assert (!pending && in_at == 0 && held);
    if (step == 1 && !requests_ready) assert (pending && in_at == 1);
    if (step == 2) assert (pending && in_at == 1 && requests_ready && held);
    if (step == 3 || step == 4) assert (pending && in_at >= 2 && in_at + requests_ready + left == in_total
        && first[15:8] == WRITE && (!requests_ready || held));
    if (step >= 5 && step <= 8) assert (pending && in_at == in_total && !requests_ready);
    if (step <= 5 || step == 8 || step == 9) assert (!responses_valid);
    if (step == 6 || step == 7) assert (responses_valid);
    if (pending && step <= 6) assert (out_at == 0);
    if (step == 6) assert (wanted == left && !responses_last);
    if (step == 7 || step == 8) assert (out_at + left == 1 + wanted && out_at > (step == 8));
    assert (wanted <= LONGEST);
    if (step == 7) assert (responses_last == (left == 0));
    if (step == 6) assert (responses_data == answer);
    if (step == 7 && out_at == 1) assert (responses_data[7:0] == next && responses_data[31:16] == session);
    // the fields are those that passed
    if (step == 1 && requests_ready) assert ({request_count, request_command, request_seq} == held_data);
    if (step >= 2 || (step == 1 && !requests_ready)) assert ({request_count, request_command, request_seq} == first);
    if (step == 2) assert (request_address == held_data);
    if (step >= 3) assert (request_address == where);
    // numbers
    assert (numbers_expected == next && bus_session == session);
    assert (numbers_previous == next - 8'd1);
    // only a request in its order touches the bus, and only one that was found right
    if (step >= 3) assert ((status == 1 || status == 2) == !in_order);
    if (bus_write) assert (in_order && status == OK && first[15:8] == WRITE && step == 4 && where[31:28] <= 6);
    if (bus_read) assert (in_order && status == OK && step == 8 && !asked);
    if (step == 8) assert (in_order && status == OK && (bus_read || asked) && !(bus_read && asked)
        && (first[15:8] == IDENTIFY || first[15:8] == READ || first[15:8] == RUN));
    if (asked) assert (step == 8);
    if (step >= 5 && left != 0) assert (in_order && status == OK && step <= 8
        && (first[15:8] == IDENTIFY || first[15:8] == READ || first[15:8] == RUN));
    if (bus_run) assert (in_order && first[15:8] == RUN && status == OK && !one_run && !bus_running
        && bus_entry == where[15:0] && step == 0);
    if (step >= 3 && first[15:8] == RUN && status == OK) assert (!bus_running && !one_run && in_order && !bus_run);
    if (step == 1 || step == 2) assert (!bus_run && (!pending || !one_run));
    if (!pending && step == 0 && !bus_run) assert (!started || one_run);
    // all words of a WRITE that is executed, each once and at its place
    if (step >= 3 && first[15:8] == WRITE) assert (writes == (status == OK ? first[24:16] - left : 0));
    if (step >= 3 && step <= 4 && status == OK) assert (request_offset == where[27:0] + writes
        && request_region == where[31:28] && where[31:28] <= 6);
    if (bus_write) assert (bus_address == {where[31:28], where[27:0] + writes[7:0] - 28'd1});
    if (step == 2) assert ({request_region, request_offset} == held_data);
    assert (first[15:8] != WRITE || first[31:16] <= LONGEST);
    if (step == 1 && requests_ready && held_data[15:8] == WRITE) assert (held_data[31:16] <= LONGEST);
    if (step == 2) assert (writes == 0);
    if (step == 1 && !requests_ready) assert (writes == 0);
    // the rules of the stream and of the bus
    assert (!(bus_write && bus_read));
    if (spoke) assert (responses_valid && {responses_last, responses_data} == spoke_data);
    if (wrote) assert (bus_write && {bus_address, bus_write_data} == access);
    if (reads) assert (bus_read && bus_address == access[63:32]);
end
