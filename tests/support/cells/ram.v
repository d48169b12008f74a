// Block RAM for simulation, as the cells of ecp5.v, gowin.v and xc7.v need it: 2048 bytes of nine
// bits, a write port and a read port on one clock, each 1, 2, 4, 9, 18 or 36 bits wide.
//
// Addresses count bits of 16384, the ninth bits apart. write: an enable for each byte of the word.
// A byte that is read while it is written is its old value if OLD, else unknown.
module two_port_ram #(
    parameter WRITE_WIDTH = 18, READ_WIDTH = 18, OLD = 0
) (
    input clk,
    input [3:0] write,
    input [13:0] write_address,
    input [35:0] write_data,
    input reset,
    input read,
    input [13:0] read_address,
    output reg [35:0] read_data
);
    localparam NARROW = WRITE_WIDTH < 9 ? WRITE_WIDTH : 1;
    reg [8:0] bytes [0:2047];
    integer k, to, from;
    initial begin
        for (k = 0; k < 2048; k = k + 1) bytes[k] = 0;
        read_data = 0;
    end

    function [10:0] first_byte(input [13:0] address, input integer width);
        first_byte = width == 36 ? {address[13:5], 2'b00}
                   : width == 18 ? {address[13:4], 1'b0} : address[13:3];
    endfunction

    always @(posedge clk) begin
        to = first_byte(write_address, WRITE_WIDTH);
        from = first_byte(read_address, READ_WIDTH);
        if (reset) read_data <= 0;
        else if (read)
            for (k = 0; 9 * k < READ_WIDTH; k = k + 1)
                if (!OLD && from + k >= to && 9 * (from + k - to) < WRITE_WIDTH
                    && write[from + k - to])
                    read_data[9 * k +: 9] <= 9'bx;
                else
                    read_data[9 * k +: 9] <=
                        READ_WIDTH < 9 ? bytes[from + k] >> read_address[2:0] : bytes[from + k];
        for (k = 0; 9 * k < WRITE_WIDTH; k = k + 1)
            if (write[k])
                if (WRITE_WIDTH < 9) bytes[to][write_address[2:0] +: NARROW] <= write_data;
                else bytes[to + k] <= write_data[9 * k +: 9];
    end
endmodule

// Stops the simulation where a cell is used in a way that its model does not know.
module must_hold(input clk, input fact);
    always @(posedge clk)
        if (fact !== 1'b1) begin
            $display("%m: the model of this cell does not know this use");
            $finish;
        end
endmodule
