// Cells of Gowin GW2A that Yosys' library gives without behaviour, in the uses that Yosys makes of
// them: Gowin UG285 (memory), UG287 (multipliers).

// Port A writes, port B reads; the low bits of ADA enable bytes.
module SDPX9B (
    input CLKA, CEA, CLKB, CEB, OCE, RESETA, RESETB,
    input [13:0] ADA, ADB,
    input [2:0] BLKSELA, BLKSELB,
    input [35:0] DI,
    output [35:0] DO
);
    parameter READ_MODE = 0, BIT_WIDTH_0 = 36, BIT_WIDTH_1 = 36, BLK_SEL_0 = 0, BLK_SEL_1 = 0;
    parameter RESET_MODE = "SYNC";
    parameter INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0, INIT_RAM_04 = 0,
    INIT_RAM_05 = 0, INIT_RAM_06 = 0, INIT_RAM_07 = 0, INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A
    = 0, INIT_RAM_0B = 0, INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0, INIT_RAM_0F = 0,
    INIT_RAM_10 = 0, INIT_RAM_11 = 0, INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0, INIT_RAM_15
    = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0, INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0,
    INIT_RAM_1B = 0, INIT_RAM_1C = 0, INIT_RAM_1D = 0, INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20
    = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0, INIT_RAM_24 = 0, INIT_RAM_25 = 0,
    INIT_RAM_26 = 0, INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0, INIT_RAM_2A = 0, INIT_RAM_2B
    = 0, INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0, INIT_RAM_30 = 0,
    INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0, INIT_RAM_36
    = 0, INIT_RAM_37 = 0, INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0,
    INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0, INIT_RAM_3F = 0;
    wire filled = (
        (|INIT_RAM_00) | (|INIT_RAM_01) | (|INIT_RAM_02) | (|INIT_RAM_03) | (|INIT_RAM_04) |
        (|INIT_RAM_05) | (|INIT_RAM_06) | (|INIT_RAM_07) | (|INIT_RAM_08) | (|INIT_RAM_09) |
        (|INIT_RAM_0A) | (|INIT_RAM_0B) | (|INIT_RAM_0C) | (|INIT_RAM_0D) | (|INIT_RAM_0E) |
        (|INIT_RAM_0F) | (|INIT_RAM_10) | (|INIT_RAM_11) | (|INIT_RAM_12) | (|INIT_RAM_13) |
        (|INIT_RAM_14) | (|INIT_RAM_15) | (|INIT_RAM_16) | (|INIT_RAM_17) | (|INIT_RAM_18) |
        (|INIT_RAM_19) | (|INIT_RAM_1A) | (|INIT_RAM_1B) | (|INIT_RAM_1C) | (|INIT_RAM_1D) |
        (|INIT_RAM_1E) | (|INIT_RAM_1F) | (|INIT_RAM_20) | (|INIT_RAM_21) | (|INIT_RAM_22) |
        (|INIT_RAM_23) | (|INIT_RAM_24) | (|INIT_RAM_25) | (|INIT_RAM_26) | (|INIT_RAM_27) |
        (|INIT_RAM_28) | (|INIT_RAM_29) | (|INIT_RAM_2A) | (|INIT_RAM_2B) | (|INIT_RAM_2C) |
        (|INIT_RAM_2D) | (|INIT_RAM_2E) | (|INIT_RAM_2F) | (|INIT_RAM_30) | (|INIT_RAM_31) |
        (|INIT_RAM_32) | (|INIT_RAM_33) | (|INIT_RAM_34) | (|INIT_RAM_35) | (|INIT_RAM_36) |
        (|INIT_RAM_37) | (|INIT_RAM_38) | (|INIT_RAM_39) | (|INIT_RAM_3A) | (|INIT_RAM_3B) |
        (|INIT_RAM_3C) | (|INIT_RAM_3D) | (|INIT_RAM_3E) | (|INIT_RAM_3F)) === 1'b1;
    wire [3:0] bytes = BIT_WIDTH_0 == 36 ? ADA[3:0] : BIT_WIDTH_0 == 18 ? ADA[1:0] : 4'b0001;
    two_port_ram #(.WRITE_WIDTH(BIT_WIDTH_0), .READ_WIDTH(BIT_WIDTH_1)) ram (
        .clk(CLKA), .write(CEA ? bytes : 4'b0000), .write_address(ADA), .write_data(DI),
        .reset(RESETB), .read(CEB), .read_address(ADB), .read_data(DO)
    );
    must_hold known (CLKA, !filled & READ_MODE == 0 & RESETA === 1'b0 & BLKSELA === BLK_SEL_0
                   & BLKSELB === BLK_SEL_1);
endmodule

module DPX9B (
    input CLKA, CEA, CLKB, CEB, OCEA, OCEB, RESETA, RESETB, WREA, WREB,
    input [13:0] ADA, ADB,
    input [17:0] DIA, DIB,
    input [2:0] BLKSELA, BLKSELB,
    output [17:0] DOA, DOB
);
    parameter READ_MODE0 = 0, READ_MODE1 = 0, WRITE_MODE0 = 0, WRITE_MODE1 = 0;
    parameter BIT_WIDTH_0 = 18, BIT_WIDTH_1 = 18, BLK_SEL_0 = 0, BLK_SEL_1 = 0;
    parameter RESET_MODE = "SYNC";
    parameter INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0, INIT_RAM_04 = 0,
    INIT_RAM_05 = 0, INIT_RAM_06 = 0, INIT_RAM_07 = 0, INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A
    = 0, INIT_RAM_0B = 0, INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0, INIT_RAM_0F = 0,
    INIT_RAM_10 = 0, INIT_RAM_11 = 0, INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0, INIT_RAM_15
    = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0, INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0,
    INIT_RAM_1B = 0, INIT_RAM_1C = 0, INIT_RAM_1D = 0, INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20
    = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0, INIT_RAM_24 = 0, INIT_RAM_25 = 0,
    INIT_RAM_26 = 0, INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0, INIT_RAM_2A = 0, INIT_RAM_2B
    = 0, INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0, INIT_RAM_30 = 0,
    INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0, INIT_RAM_36
    = 0, INIT_RAM_37 = 0, INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0,
    INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0, INIT_RAM_3F = 0;
    wire filled = (
        (|INIT_RAM_00) | (|INIT_RAM_01) | (|INIT_RAM_02) | (|INIT_RAM_03) | (|INIT_RAM_04) |
        (|INIT_RAM_05) | (|INIT_RAM_06) | (|INIT_RAM_07) | (|INIT_RAM_08) | (|INIT_RAM_09) |
        (|INIT_RAM_0A) | (|INIT_RAM_0B) | (|INIT_RAM_0C) | (|INIT_RAM_0D) | (|INIT_RAM_0E) |
        (|INIT_RAM_0F) | (|INIT_RAM_10) | (|INIT_RAM_11) | (|INIT_RAM_12) | (|INIT_RAM_13) |
        (|INIT_RAM_14) | (|INIT_RAM_15) | (|INIT_RAM_16) | (|INIT_RAM_17) | (|INIT_RAM_18) |
        (|INIT_RAM_19) | (|INIT_RAM_1A) | (|INIT_RAM_1B) | (|INIT_RAM_1C) | (|INIT_RAM_1D) |
        (|INIT_RAM_1E) | (|INIT_RAM_1F) | (|INIT_RAM_20) | (|INIT_RAM_21) | (|INIT_RAM_22) |
        (|INIT_RAM_23) | (|INIT_RAM_24) | (|INIT_RAM_25) | (|INIT_RAM_26) | (|INIT_RAM_27) |
        (|INIT_RAM_28) | (|INIT_RAM_29) | (|INIT_RAM_2A) | (|INIT_RAM_2B) | (|INIT_RAM_2C) |
        (|INIT_RAM_2D) | (|INIT_RAM_2E) | (|INIT_RAM_2F) | (|INIT_RAM_30) | (|INIT_RAM_31) |
        (|INIT_RAM_32) | (|INIT_RAM_33) | (|INIT_RAM_34) | (|INIT_RAM_35) | (|INIT_RAM_36) |
        (|INIT_RAM_37) | (|INIT_RAM_38) | (|INIT_RAM_39) | (|INIT_RAM_3A) | (|INIT_RAM_3B) |
        (|INIT_RAM_3C) | (|INIT_RAM_3D) | (|INIT_RAM_3E) | (|INIT_RAM_3F)) === 1'b1;
    wire [3:0] bytes = BIT_WIDTH_0 == 18 ? ADA[1:0] : 4'b0001;
    wire [35:0] read_data;
    assign DOB = read_data[17:0];
    assign DOA = 18'bx;
    two_port_ram #(.WRITE_WIDTH(BIT_WIDTH_0), .READ_WIDTH(BIT_WIDTH_1)) ram (
        .clk(CLKA), .write(CEA & WREA ? bytes : 4'b0000), .write_address(ADA),
        .write_data({18'b0, DIA}),
        .reset(RESETB), .read(CEB), .read_address(ADB), .read_data(read_data)
    );
    must_hold known (CLKA, !filled & READ_MODE1 == 0 & WREB === 1'b0 & BLKSELA === BLK_SEL_0
                   & BLKSELB === BLK_SEL_1);
endmodule

// Without registers: the product of the same cycle.
module MULT18X18 (
    input [17:0] A, SIA, B, SIB,
    input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output [35:0] DOUT,
    output [17:0] SOA, SOB
);
    wire signed [18:0] a = {ASIGN & A[17], A}, b = {BSIGN & B[17], B};
    wire signed [37:0] product = a * b;
    assign DOUT = product[35:0];
endmodule

module MULT9X9 (
    input [8:0] A, SIA, B, SIB,
    input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output [17:0] DOUT,
    output [8:0] SOA, SOB
);
    wire signed [9:0] a = {ASIGN & A[8], A}, b = {BSIGN & B[8], B};
    wire signed [19:0] product = a * b;
    assign DOUT = product[17:0];
endmodule

// Adds or subtracts, mode by mode as Yosys' library says it; on that one Icarus 11 stops with an assertion.
module ALU (output SUM, COUT, input I0, I1, I3, CIN);
    parameter ALU_MODE = 0;
    reg carried, sum, carry;
    always @* begin
        case (ALU_MODE)
            0: carried = I0 ^ I1;
            1: carried = I0 ^ ~I1;
            2: carried = I3 ? I0 ^ I1 : I0 ^ ~I1;
            default: carried = 1'bx;
        endcase
        sum = carried ^ CIN;
        carry = carried ? CIN : I0;
    end
    assign SUM = sum;
    assign COUT = carry;
endmodule
