// Two masters of one bus: each access goes on once and is answered to whom it belongs, and nobody waits for long.
wire ask_1 = first_read || first_write, ask_2 = second_read || second_write;
wire done_1 = ask_1 && first_ready, done_2 = ask_2 && second_ready;
reg pending = 0, pending_second = 0;          // a read was taken that is not answered
reg passed_by_1 = 0, passed_by_2 = 0;         // the other one had an access while this one waited
reg gave_run = 0;
always @(posedge clk) begin
    if (bus_read_valid) pending <= 0;
    if (bus_read && bus_ready) begin pending <= 1; pending_second <= done_2; end
    passed_by_1 <= ask_1 && !done_1 && (passed_by_1 || done_2);
    passed_by_2 <= ask_2 && !done_2 && (passed_by_2 || done_1);
    gave_run <= bus_run;
end
always @* begin
    assume (!(first_read && first_write) && !(second_read && second_write));
    // the accelerator answers a read once, after it was taken, and takes nothing before
    assume (!bus_read_valid || pending);
    // one access at a time, that of the one who is told that it is taken
    assert (!(bus_read && bus_write) && !(done_1 && done_2));
    assert ((bus_ready && (bus_read || bus_write)) == (done_1 || done_2));
    if (done_1) assert (bus_address == first_address && bus_read == first_read && bus_write == first_write);
    if (done_2) assert (bus_address == second_address && bus_read == second_read && bus_write == second_write);
    if (done_1 && first_write) assert (bus_write_data == first_write_data);
    if (done_2 && second_write) assert (bus_write_data == second_write_data);
    // between a read and its answer there is no other access; the answer is for who asked
    assert (pending == reading && (!pending || pending_second == answers));
    if (pending && !bus_read_valid) assert (!bus_read && !bus_write);
    assert (first_read_valid == (bus_read_valid && !pending_second));
    assert (second_read_valid == (bus_read_valid && pending_second));
    if (first_read_valid || second_read_valid) assert (bus_session == (pending_second ? second_session : first_session));
    // who waits is passed by once at most
    if (passed_by_1) assert (last && !(held && held_second) && !(ask_1 && done_2));
    if (passed_by_2) assert (!last && !(held && !held_second) && !(ask_2 && done_1));
    assert (!(pending && held));
    // a run is passed on while nothing runs, nor has begun
    assert (gave_run == started && !(bus_run && (bus_running || gave_run)));
    if (bus_run) assert (first_run ? bus_entry == first_entry : second_run && bus_entry == second_entry);
end
