using System.IO.Pipelines;
using Ambient.Hbone.Buffers;
using Ambient.Hbone.Frames;

namespace Ambient.Hbone;

/// <summary>
/// An HTTP/2 connection (RFC 9113), either end. Single-threaded: everything on it and on its streams happens on one loop,
/// and awaits of its streams continue inline there. The way of the bytes:
/// <code>
///   transport.Input ──1──▶ frames ──2──▶ stream queues ──3──▶ Http2Stream.Input
///   transport.Output ◀──6── turn ◀──5── round of streams ◀──4── Http2Stream.Output
/// </code>
/// 1 <see cref="RunAsync"/> reads what the transport has; 2 frames are taken apart, one pass per read; 3 at the end of the
/// pass each stream that got something wakes its reader once; 4 writers queue, or write into the transport's memory;
/// 5 streams take turns of a quantum each; 6 what a loop turn produced goes out in one flush.
/// </summary>
public sealed partial class Http2Connection : IAsyncDisposable
{
    private readonly PipeReader _input;
    private readonly PipeWriter _output;
    private readonly IRecordWriter? _records;
    private readonly BudgetAccount _account;
    private readonly Action<Http2Stream>? _onRequest;
    private readonly Dictionary<int, Http2Stream> _streams = [];

    /// <summary>Closed for the protocol, while bytes wait for their reader: they count against the limit of streams.</summary>
    private readonly HashSet<Http2Stream> _unread = [];
    private readonly ClosedStreams _resetStreams = new();
    private readonly TaskCompletionSource _settled = new();
    private Task<ConnectionEnd>? _running;
    private bool _capacityChanged;

    private Http2Connection(
        IDuplexPipe transport, Http2Limits limits, ByteBudget budget, Action<Http2Stream>? onRequest)
    {
        ArgumentNullException.ThrowIfNull(transport);
        ArgumentNullException.ThrowIfNull(budget);
        _input = transport.Input;
        _output = transport.Output;
        _records = _output as IRecordWriter;
        Limits = limits;
        _account = budget.Open();
        _onRequest = onRequest;
        _onFlushed = OnFlushed;
        _decoder = new Hpack.HpackDecoder(limits.HeaderTableSize);
        _peer = new PeerSettings(peerIsServer: onRequest is null);
        _receiveWindow = limits.ConnectionWindow;
        Segments = new SegmentPool(_account);
        Expect(IsServer ? Phase.Preface : Phase.FrameHeader, IsServer ? Preface.Length : FrameHeader.Size);
        SendPreface();
    }

    /// <summary>What this side announces and tolerates.</summary>
    public Http2Limits Limits { get; }

    /// <summary>This side accepts requests.</summary>
    public bool IsServer => _onRequest is not null;

    /// <summary>Streams that are open, in the sense of SETTINGS_MAX_CONCURRENT_STREAMS.</summary>
    public int ActiveStreams => _streams.Count;

    /// <summary>The most streams that may be open: our limit or the peer's, whichever is smaller.</summary>
    public int MaxStreams
    {
        get
        {
            var ours = Limits.MaxConcurrentStreams;
            return IsServer ? ours
                : !_settingsReceived ? Math.Min(ours, Limits.AssumedPeerStreams)
                : (int)Math.Min(_peer.MaxConcurrentStreams ?? int.MaxValue, (uint)ours);
        }
    }

    /// <summary><see cref="Open"/> would succeed: a client's connection that is neither ending nor full.</summary>
    public bool CanOpen => !IsServer && !IsEnding && _nextStreamId > 0 && ActiveStreams < MaxStreams;

    /// <summary>The connection takes no new streams: an end was announced by either side, or it is over.</summary>
    public bool IsEnding => _end is not null || _goAwaySent || _goAwayReceived;

    /// <summary>Completes when the peer's SETTINGS have arrived; fails with the connection.</summary>
    public Task PeerSettings => _settled.Task;

    /// <summary>Called when a stream has ended or the peer's limits changed: there may be room for another stream.</summary>
    public Action? CapacityChanged { get; set; }

    /// <summary>
    /// Asks the owner to call <see cref="Flush"/> once at the end of the present loop turn, so that everything a turn
    /// produces leaves in one send. Null: each operation flushes by itself.
    /// </summary>
    public Action? FlushRequested { get; set; }

    /// <summary>The connection has ended; <see cref="RunAsync"/> is closing its transport.</summary>
    internal bool IsOver => _end is not null;

    internal ConnectionEnd? Ended => _end;

    /// <summary>The newest stream that the peer opened.</summary>
    internal int LastRequest => _lastPeerStreamId;

    internal SegmentPool Segments { get; }

    internal WorkBudget Work { get; } = new();

    /// <summary>The side that opens streams.</summary>
    public static Http2Connection Client(IDuplexPipe transport, Http2Limits limits, ByteBudget budget) =>
        new(transport, limits, budget, onRequest: null);

    /// <summary>
    /// The side that accepts streams. <paramref name="onRequest"/> is called on the loop for each request, and must not throw.
    /// </summary>
    public static Http2Connection Server(
        IDuplexPipe transport, Http2Limits limits, ByteBudget budget, Action<Http2Stream> onRequest)
    {
        ArgumentNullException.ThrowIfNull(onRequest);
        return new(transport, limits, budget, onRequest);
    }

    /// <summary>Reads until the connection is over. Never throws for what the peer or the network does. Call it once.</summary>
    public Task<ConnectionEnd> RunAsync() => _running ??= ReadLoopAsync();

    /// <summary>Opens a stream by sending a request's head (client). Throws if <see cref="CanOpen"/> is false.</summary>
    public Http2Stream Open(RequestHeaders headers)
    {
        if (!CanOpen)
        {
            throw new InvalidOperationException(
                IsServer ? "a server opens no streams" : IsEnding ? "the connection is ending" : $"{ActiveStreams} streams are open already");
        }

        CheckRequest(headers);
        var stream = new Http2Stream(this, _nextStreamId, _peer.InitialWindowSize, FirstWindow, headers);
        _nextStreamId = _nextStreamId == int.MaxValue ? 0 : _nextStreamId + 2;
        _streams.Add(stream.Id, stream);
        SendRequest(stream.Id, headers);
        stream.OnRequestSent(headers.EndStream);
        return stream;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Abort(Http2ErrorCode.Cancel);
        await RunAsync();
    }

    /// <summary>How far a stream's window may reach, under the present pressure on memory.</summary>
    internal int WindowTarget(int wanted) => Math.Min(wanted, _account.Budget.WindowTarget(wanted));

    /// <summary>A stream has ended in both directions.</summary>
    internal void OnStreamClosed(Http2Stream stream, bool wasReset, bool isUnread)
    {
        _streams.Remove(stream.Id);
        Ready.Remove(stream);
        if (isUnread)
        {
            _unread.Add(stream);
        }

        if (wasReset)
        {
            _resetStreams.Add(stream.Id);
        }
        else if (IsServer)
        {
            Work.Earn(WorkBudget.CompletedRequest);
        }

        if (_end is null)
        {
            NotifyCapacity();
            FinishIfDrained();
        }
    }

    /// <summary>A closed stream holds nothing more.</summary>
    internal void OnStreamRead(Http2Stream stream) => _unread.Remove(stream);

    /// <summary>Tells the owner about room for streams; during a pass at its end, when it is safe to open one.</summary>
    private void NotifyCapacity()
    {
        if (_inPass)
        {
            _capacityChanged = true;
            return;
        }

        _capacityChanged = false;
        CapacityChanged?.Invoke();
    }

    private static void CheckRequest(RequestHeaders headers)
    {
        HeaderRules.CheckOutgoing(headers.Fields.AsSpan());
        var isComplete = headers.IsConnect
            ? HeaderRules.IsAuthority(headers.Authority) && headers.Scheme is null && headers.Path is null && !headers.EndStream
            : !string.IsNullOrEmpty(headers.Scheme) && !string.IsNullOrEmpty(headers.Path);
        if (!isComplete)
        {
            throw new ArgumentException(
                "CONNECT takes an authority and neither scheme nor path; other methods need both", nameof(headers));
        }
    }

    /// <summary>Lets go of the stream that holds most memory, when the byte budget is used up and this connection is its largest user.</summary>
    private void ShedIfNeeded()
    {
        if (!Segments.IsOverBudget && !_account.MustShed)
        {
            return;
        }

        Segments.IsOverBudget = false;
        _account.MustShed = false;
        Http2Stream? fullest = null;
        foreach (var stream in _streams.Values.Concat(_unread))
        {
            fullest = fullest is null || stream.Held > fullest.Held ? stream : fullest;
        }

        if (fullest is { Held: > 0 } && _account.Budget.Held > _account.Budget.Limit)
        {
            fullest.Shed();
        }
    }
}
