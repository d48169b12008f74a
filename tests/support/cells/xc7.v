// Cells of Xilinx 7 that Yosys' library gives without behaviour, in the uses that Yosys makes of
// them: AMD UG473.

// RAM_MODE "SDP": port B writes, port A reads, up to 36 bits, the pins of both make up a word.
// "TDP": port A writes, port B reads. Both "read first": a collision reads the old value.
module RAMB18E1 (
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB,
    input RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input [13:0] ADDRARDADDR, ADDRBWRADDR,
    input [15:0] DIADI, DIBDI,
    input [1:0] DIPADIP, DIPBDIP, WEA,
    input [3:0] WEBWE,
    output [15:0] DOADO, DOBDO,
    output [1:0] DOPADOP, DOPBDOP
);
    parameter DOA_REG = 0, DOB_REG = 0, INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0;
    parameter RAM_MODE = "TDP", WRITE_MODE_A = "WRITE_FIRST", WRITE_MODE_B = "WRITE_FIRST";
    parameter READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
    parameter IS_CLKARDCLK_INVERTED = 0, IS_CLKBWRCLK_INVERTED = 0;
    parameter IS_ENARDEN_INVERTED = 0, IS_ENBWREN_INVERTED = 0;
    parameter INIT_00 = 0, INIT_01 = 0, INIT_02 = 0, INIT_03 = 0, INIT_04 = 0, INIT_05 = 0, INIT_06
    = 0, INIT_07 = 0, INIT_08 = 0, INIT_09 = 0, INIT_0A = 0, INIT_0B = 0, INIT_0C = 0, INIT_0D = 0,
    INIT_0E = 0, INIT_0F = 0, INIT_10 = 0, INIT_11 = 0, INIT_12 = 0, INIT_13 = 0, INIT_14 = 0,
    INIT_15 = 0, INIT_16 = 0, INIT_17 = 0, INIT_18 = 0, INIT_19 = 0, INIT_1A = 0, INIT_1B = 0,
    INIT_1C = 0, INIT_1D = 0, INIT_1E = 0, INIT_1F = 0, INIT_20 = 0, INIT_21 = 0, INIT_22 = 0,
    INIT_23 = 0, INIT_24 = 0, INIT_25 = 0, INIT_26 = 0, INIT_27 = 0, INIT_28 = 0, INIT_29 = 0,
    INIT_2A = 0, INIT_2B = 0, INIT_2C = 0, INIT_2D = 0, INIT_2E = 0, INIT_2F = 0, INIT_30 = 0,
    INIT_31 = 0, INIT_32 = 0, INIT_33 = 0, INIT_34 = 0, INIT_35 = 0, INIT_36 = 0, INIT_37 = 0,
    INIT_38 = 0, INIT_39 = 0, INIT_3A = 0, INIT_3B = 0, INIT_3C = 0, INIT_3D = 0, INIT_3E = 0,
    INIT_3F = 0;
    parameter INITP_00 = 0, INITP_01 = 0, INITP_02 = 0, INITP_03 = 0, INITP_04 = 0, INITP_05 = 0,
    INITP_06 = 0, INITP_07 = 0;
    wire filled = (
        (|INIT_00) | (|INIT_01) | (|INIT_02) | (|INIT_03) | (|INIT_04) | (|INIT_05) | (|INIT_06) |
        (|INIT_07) | (|INIT_08) | (|INIT_09) | (|INIT_0A) | (|INIT_0B) | (|INIT_0C) | (|INIT_0D) |
        (|INIT_0E) | (|INIT_0F) | (|INIT_10) | (|INIT_11) | (|INIT_12) | (|INIT_13) | (|INIT_14) |
        (|INIT_15) | (|INIT_16) | (|INIT_17) | (|INIT_18) | (|INIT_19) | (|INIT_1A) | (|INIT_1B) |
        (|INIT_1C) | (|INIT_1D) | (|INIT_1E) | (|INIT_1F) | (|INIT_20) | (|INIT_21) | (|INIT_22) |
        (|INIT_23) | (|INIT_24) | (|INIT_25) | (|INIT_26) | (|INIT_27) | (|INIT_28) | (|INIT_29) |
        (|INIT_2A) | (|INIT_2B) | (|INIT_2C) | (|INIT_2D) | (|INIT_2E) | (|INIT_2F) | (|INIT_30) |
        (|INIT_31) | (|INIT_32) | (|INIT_33) | (|INIT_34) | (|INIT_35) | (|INIT_36) | (|INIT_37) |
        (|INIT_38) | (|INIT_39) | (|INIT_3A) | (|INIT_3B) | (|INIT_3C) | (|INIT_3D) | (|INIT_3E) |
        (|INIT_3F)
        | (|INITP_00) | (|INITP_01) | (|INITP_02) | (|INITP_03) | (|INITP_04) | (|INITP_05) |
        (|INITP_06) | (|INITP_07)) === 1'b1;
    localparam SDP = RAM_MODE == "SDP";
    wire [35:0] read_data;
    wire [3:0] bytes = SDP ? WEBWE : WRITE_WIDTH_A == 18 ? {2'b00, WEA} : {3'b000, WEA[0]};
    two_port_ram #(
        .WRITE_WIDTH(SDP ? WRITE_WIDTH_B : WRITE_WIDTH_A),
        .READ_WIDTH(SDP ? READ_WIDTH_A : READ_WIDTH_B), .OLD(1)
    ) ram (
        .clk(CLKARDCLK), .write((SDP ? ENBWREN : ENARDEN) ? bytes : 4'b0000),
        .write_address(SDP ? ADDRBWRADDR : ADDRARDADDR),
        .write_data({DIPBDIP[1], DIBDI[15:8], DIPBDIP[0], DIBDI[7:0],
                     DIPADIP[1], DIADI[15:8], DIPADIP[0], DIADI[7:0]}),
        .reset(SDP ? RSTRAMARSTRAM : RSTRAMB), .read(SDP ? ENARDEN : ENBWREN),
        .read_address(SDP ? ADDRARDADDR : ADDRBWRADDR), .read_data(read_data)
    );
    wire [17:0] high = SDP ? read_data[35:18] : read_data[17:0];
    assign DOADO = SDP ? {read_data[16:9], read_data[7:0]} : 16'bx;
    assign DOPADOP = SDP ? {read_data[17], read_data[8]} : 2'bx;
    assign DOBDO = {high[16:9], high[7:0]};
    assign DOPBDOP = {high[17], high[8]};
    must_hold known (CLKARDCLK, !filled & (SDP | WEBWE === 4'b0000) & DOA_REG == 0 & DOB_REG == 0
                   & WRITE_MODE_A == "READ_FIRST" & WRITE_MODE_B == "READ_FIRST"
                   & !IS_CLKARDCLK_INVERTED & !IS_ENARDEN_INVERTED & !IS_ENBWREN_INVERTED);
endmodule
