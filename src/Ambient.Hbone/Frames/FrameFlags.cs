namespace Ambient.Hbone.Frames;

/// <summary>Frame flags (RFC 9113 §6); their meaning depends on the frame's type.</summary>
[Flags]
internal enum FrameFlags : byte
{
    None = 0,
    EndStream = 0x1,
    Acknowledge = EndStream,
    EndHeaders = 0x4,
    Padded = 0x8,
    Priority = 0x20,
}
