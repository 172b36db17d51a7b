using System.Net;
using Ambient.Hbone;
using Ambient.Linux;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Routing;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Relaying;

namespace Ambient.Ztunnel.Pods;

/// <summary>
/// A connection that this proxy carries, from its acceptance to its record, in one object: thousands of them are idle at a time, and what
/// only their setting up needs is gone by then. It ends itself when its relay is over. On its loop only.
/// </summary>
internal sealed class CarriedConnection(ConnectionSet set, TcpSocket? captured, Http2Stream? stream) : TunnelRelay, ILiveConnection
{
    private readonly TcpSocket? _captured = captured;
    private TcpSocket? _other;
    private Http2Stream? _stream = stream;
    private ConnectionReport? _report;
    private IPEndPoint? _original;
    private IPEndPoint? _actual;
    private string? _workloadUid;
    private OutboundKind _kind;
    private bool _isLive;
    private bool _isShown;

    /// <summary>The application's socket that was captured.</summary>
    public TcpSocket Captured => _captured!;

    /// <summary>The record, once it is known who talks to whom.</summary>
    public ConnectionReport Report => _report!;

    /// <summary>As <c>/config_dump</c> shows it; null while it does not stand. From any thread.</summary>
    public TrackedConnection? Shown => Volatile.Read(ref _isShown)
        ? new TrackedConnection(Report.Addresses.Source, _original!, _actual!, _kind, Report.Parties.Inbound)
        : null;

    string ILiveConnection.WorkloadUid => _workloadUid!;

    ConnectionFacts ILiveConnection.Facts => new(
        Report.Addresses.Source.Address, Report.Parties.MutualTls ? Report.Parties.SourceIdentity : null, _actual!.Address, _actual.Port);

    /// <summary>It is known who talks to whom.</summary>
    public void Open(ConnectionReport report, IPEndPoint original, IPEndPoint actual, OutboundKind kind)
    {
        _report = report;
        _original = original;
        _actual = actual;
        _kind = kind;
    }

    /// <summary>From now on changes of policies may close it. Comes before it is first judged, so that no change falls between.</summary>
    public ConnectionFacts Watch(string workloadUid)
    {
        _workloadUid = workloadUid;
        _isLive = true;
        set.Live.Add(this);
        return ((ILiveConnection)this).Facts;
    }

    /// <summary>The other end, which is closed with the connection.</summary>
    public void Reached(TcpSocket other) => _other = other;

    /// <summary>Relays between two sockets until both directions have ended.</summary>
    public async Task RelayAsync()
    {
        Volatile.Write(ref _isShown, true);
        OnOver(await SocketRelay.RunAsync(Captured, _other!, Report));
    }

    /// <summary>Begins to relay between the application and a tunnel; ends by itself.</summary>
    public void Relay(Http2Stream stream)
    {
        _stream = stream;
        Volatile.Write(ref _isShown, true);
        Start(_captured ?? _other!, stream);
    }

    /// <summary>Ends it for what a change of policies forbids.</summary>
    void ILiveConnection.Close(string reason)
    {
        Report.Verdict = (ConnectionFailure.Denied, reason);
        _stream?.Reset(Http2ErrorCode.Cancel);
        _captured?.Abort();
        _other?.Abort();
    }

    /// <summary>It did not come about, or broke: one record, if it is known who talks to whom.</summary>
    public void Fail(ConnectionFailure failure, string? error)
    {
        _report?.Complete(failure, error);
        if (failure == ConnectionFailure.None)
        {
            Close();
        }
        else
        {
            Refuse();
        }
    }

    /// <summary>
    /// Gives everything back, with a reset to the application: an end in good order would tell one that has not sent anything yet that there
    /// is nothing to receive.
    /// </summary>
    public void Refuse()
    {
        _captured?.Abort();
        Close();
    }

    /// <summary>Over: gives everything back.</summary>
    public void Close()
    {
        if (_isLive)
        {
            _isLive = false;
            set.Live.Remove(this);
        }

        _stream?.Dispose();
        _other?.Dispose();
        _captured?.Dispose();
        set.Remove(this);
    }

    /// <inheritdoc/>
    protected override void OnMoved(int bytes, bool fromApplication)
    {
        if (fromApplication == (_captured is not null))
        {
            Report.FromClient(bytes);
        }
        else
        {
            Report.FromServer(bytes);
        }
    }

    /// <inheritdoc/>
    protected override void OnOver(RelayEnd end) => Fail(end.Error is null ? ConnectionFailure.None : ConnectionFailure.Connect, end.Error);
}
