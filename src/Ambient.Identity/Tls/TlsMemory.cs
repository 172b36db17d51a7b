namespace Ambient.Identity.Tls;

/// <summary>Memory that TLS connections share.</summary>
public static class TlsMemory
{
    /// <summary>Leaves the buffers that the calling thread keeps for its connections to the collector: up to 8 MB, made anew when they are needed.</summary>
    public static void GiveBack() => RecordBuffer.Forget();
}
