namespace Ambient.Bench;

/// <summary>
/// Lets namespaces choose cubic while a run lasts: a kernel may keep all algorithms but reno and its default from them, and a default
/// that paces (bbr) halves what a local link carries.
/// </summary>
internal sealed class CubicAllowed : IDisposable
{
    private const string Setting = "/proc/sys/net/ipv4/tcp_allowed_congestion_control";

    private readonly string _before = File.ReadAllText(Setting).Trim();

    public CubicAllowed()
    {
        if (!_before.Split(' ').Contains("cubic"))
        {
            File.WriteAllText(Setting, $"{_before} cubic");
        }
    }

    public void Dispose() => File.WriteAllText(Setting, _before);
}
