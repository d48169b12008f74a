// Cells of Lattice ECP5 that Yosys' library gives without behaviour, in the uses that Yosys makes
// of them: Lattice FPGA-TN-02204 (memory), FPGA-TN-02205 (multiplier).

// Port A writes, port B reads; at 36 bits the pins of both make up a word. With REGMODE_B OUTREG what is
// read goes through a register first.
module DP16KD (
    input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5,
    DIA4, DIA3, DIA2, DIA1, DIA0,
    input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
    input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
    output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
    DOA4, DOA3, DOA2, DOA1, DOA0,
    input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5,
    DIB4, DIB3, DIB2, DIB1, DIB0,
    input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
    input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
    output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
    DOB4, DOB3, DOB2, DOB1, DOB0
);
    parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18;
    parameter REGMODE_A = "NOREG", REGMODE_B = "NOREG", RESETMODE = "SYNC";
    parameter ASYNC_RESET_RELEASE = "SYNC", CSDECODE_A = "0b000", CSDECODE_B = "0b000";
    parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL", GSR = "ENABLED";
    parameter CLKAMUX = "CLKA", CLKBMUX = "CLKB";
    parameter INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0, INITVAL_04 = 0,
    INITVAL_05 = 0, INITVAL_06 = 0, INITVAL_07 = 0, INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0,
    INITVAL_0B = 0, INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0, INITVAL_10 = 0,
    INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0, INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0,
    INITVAL_17 = 0, INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0, INITVAL_1C = 0,
    INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0, INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0,
    INITVAL_23 = 0, INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0, INITVAL_28 = 0,
    INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0, INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0,
    INITVAL_2F = 0, INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0, INITVAL_34 = 0,
    INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0, INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0,
    INITVAL_3B = 0, INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0;
    wire filled = (
        (|INITVAL_00) | (|INITVAL_01) | (|INITVAL_02) | (|INITVAL_03) | (|INITVAL_04) |
        (|INITVAL_05) | (|INITVAL_06) | (|INITVAL_07) | (|INITVAL_08) | (|INITVAL_09) |
        (|INITVAL_0A) | (|INITVAL_0B) | (|INITVAL_0C) | (|INITVAL_0D) | (|INITVAL_0E) |
        (|INITVAL_0F) | (|INITVAL_10) | (|INITVAL_11) | (|INITVAL_12) | (|INITVAL_13) |
        (|INITVAL_14) | (|INITVAL_15) | (|INITVAL_16) | (|INITVAL_17) | (|INITVAL_18) |
        (|INITVAL_19) | (|INITVAL_1A) | (|INITVAL_1B) | (|INITVAL_1C) | (|INITVAL_1D) |
        (|INITVAL_1E) | (|INITVAL_1F) | (|INITVAL_20) | (|INITVAL_21) | (|INITVAL_22) |
        (|INITVAL_23) | (|INITVAL_24) | (|INITVAL_25) | (|INITVAL_26) | (|INITVAL_27) |
        (|INITVAL_28) | (|INITVAL_29) | (|INITVAL_2A) | (|INITVAL_2B) | (|INITVAL_2C) |
        (|INITVAL_2D) | (|INITVAL_2E) | (|INITVAL_2F) | (|INITVAL_30) | (|INITVAL_31) |
        (|INITVAL_32) | (|INITVAL_33) | (|INITVAL_34) | (|INITVAL_35) | (|INITVAL_36) |
        (|INITVAL_37) | (|INITVAL_38) | (|INITVAL_39) | (|INITVAL_3A) | (|INITVAL_3B) |
        (|INITVAL_3C) | (|INITVAL_3D) | (|INITVAL_3E) | (|INITVAL_3F)) === 1'b1;
    wire [35:0] read, read_data;
    reg [35:0] kept = 0;
    always @(posedge CLKB) if (OCEB) kept <= read;
    assign read_data = REGMODE_B == "OUTREG" ? kept : read;
    wire [35:0] write_data = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8,
    DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0, DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11,
    DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
    wire [3:0] bytes = DATA_WIDTH_A == 36 ? {ADA3, ADA2, ADA1, ADA0}
                     : DATA_WIDTH_A == 18 ? {2'b00, ADA1, ADA0} : 4'b0001;
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
    DOB4, DOB3, DOB2, DOB1, DOB0} = DATA_WIDTH_B == 36 ? read_data[35:18] : read_data[17:0];
    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
    DOA4, DOA3, DOA2, DOA1, DOA0} = DATA_WIDTH_B == 36 ? read_data[17:0] : 18'bx;
    two_port_ram #(.WRITE_WIDTH(DATA_WIDTH_A), .READ_WIDTH(DATA_WIDTH_B)) ram (
        .clk(CLKA), .write(CEA & WEA ? bytes : 4'b0000), .write_data(write_data),
        .write_address({ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2,
        ADA1, ADA0}),
        .reset(RSTB), .read(CEB), .read_data(read),
        .read_address({ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2,
        ADB1, ADB0})
    );
    must_hold known (CLKA, !filled & WEB === 1'b0 & RSTA === 1'b0 & OCEB === 1'b1
                   & CLKAMUX == "CLKA" & CLKBMUX == "CLKB"
                   & (REGMODE_B == "NOREG" | (REGMODE_B == "OUTREG" & RSTB === 1'b0))
                   & (DATA_WIDTH_B != 36 | REGMODE_A == REGMODE_B));
endmodule

// The product of the same cycle, or with REG_OUTPUT_CLK that of the cycle before.
module MULT18X18D #(
    parameter REG_OUTPUT_CLK = "NONE", REG_OUTPUT_CE = "CE0", REG_OUTPUT_RST = "RST0"
) (
    input CLK0, CE0, RST0,
    input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
    input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
    input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
    P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
    wire signed [18:0] a = {SIGNEDA & A17, A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6,
    A5, A4, A3, A2, A1, A0};
    wire signed [18:0] b = {SIGNEDB & B17, B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6,
    B5, B4, B3, B2, B1, B0};
    wire signed [37:0] product = a * b;
    reg [35:0] last = 0;
    always @(posedge CLK0) last <= product[35:0];
    assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19,
    P18, P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} =
    REG_OUTPUT_CLK == "NONE" ? product[35:0] : last;
    must_hold known (CLK0, REG_OUTPUT_CLK == "NONE"
                   | (REG_OUTPUT_CLK == "CLK0" & REG_OUTPUT_CE == "CE0" & REG_OUTPUT_RST == "RST0"
                      & CE0 === 1'b1 & RST0 === 1'b0));
endmodule
