namespace Ambient.Hbone.Frames;

/// <summary>Parameters of SETTINGS (RFC 9113 §6.5.2). Unknown ones are legal and ignored.</summary>
internal enum Setting : ushort
{
    HeaderTableSize = 0x1,
    EnablePush = 0x2,
    MaxConcurrentStreams = 0x3,
    InitialWindowSize = 0x4,
    MaxFrameSize = 0x5,
    MaxHeaderListSize = 0x6,
}
