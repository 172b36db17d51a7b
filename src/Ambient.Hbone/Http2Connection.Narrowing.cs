using Ambient.Hbone.Frames;

namespace Ambient.Hbone;

/// <summary>
/// Windows for slow readers. The window that a connection announces at first is wide, so that the first bytes of a stream need no
/// update over a long way. Once a reader turns out to be slow, all windows are narrowed by a second SETTINGS (RFC 9113 §6.9.2), and
/// each stream widens its own again while its reader keeps up: what slow readers hold is then small, whatever the first window was.
/// </summary>
public sealed partial class Http2Connection
{
    private bool _isNarrowing;

    /// <summary>The window of a stream that opens now.</summary>
    private int FirstWindow => IsNarrow ? Limits.SlowStreamWindow : Limits.StreamWindow;

    /// <summary>The peer has acknowledged the narrow windows.</summary>
    internal bool IsNarrow { get; private set; }

    /// <summary>A reader is behind by so many bytes.</summary>
    internal void OnReaderBehind(long bytes)
    {
        // The first SETTINGS come first: an acknowledgement does not say which ones it means.
        if (bytes < Limits.SlowStreamWindow || Limits.SlowStreamWindow == Limits.StreamWindow || _isNarrowing || !_settingsAcknowledged)
        {
            return;
        }

        _isNarrowing = true;
        Span<byte> settings = stackalloc byte[Frames.PeerSettings.EntrySize];
        var length = 0;
        AddSetting(settings, ref length, Setting.InitialWindowSize, Limits.SlowStreamWindow);
        SendFrame(FrameType.Settings, FrameFlags.None, 0, settings);
    }

    /// <summary>SETTINGS were acknowledged for the second time: what comes from here on was sent under the narrow windows.</summary>
    private bool TryNarrow()
    {
        if (!_isNarrowing || IsNarrow)
        {
            return false;
        }

        IsNarrow = true;
        foreach (var stream in _streams.Values.ToList())
        {
            stream.Narrow(Limits.StreamWindow - Limits.SlowStreamWindow);
        }

        return true;
    }
}
