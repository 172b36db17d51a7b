using System.Buffers;
using System.Text;
using Ambient.Http;
using Ambient.Http.Fields;
using Ambient.Mesh.Http;
using Ambient.Waypoint.Requests.Upstreams;

namespace Ambient.Waypoint.Requests;

/// <summary>Why a request is given up while it waits for something.</summary>
internal enum Interruption
{
    /// <summary>It is not.</summary>
    None,

    /// <summary>The client went away.</summary>
    ClientGone,

    /// <summary>The time for the whole exchange is over.</summary>
    TimedOut,

    /// <summary>The time for one try is over.</summary>
    TryTimedOut,
}

/// <summary>
/// One request on its way, from its head to its record. Used again for another request afterwards. What it waits for – a connection, an answer,
/// a pause – is ended by <see cref="Interrupt"/>. On its loop only.
/// </summary>
internal sealed class RequestState : IHeaderSource
{
    private readonly Action _onAborted;
    private IDisposable? _deadline;
    private IDisposable? _tryDeadline;
    private long _serial;
    private RouteDecision _decision;

    public RequestState()
    {
        _onAborted = () => Interrupt(Interruption.ClientGone);
        OnInterim = head => Exchange.RespondInterim(head);
        OnBody = bytes =>
        {
            BodyBytes += bytes.Length;
            foreach (var part in bytes)
            {
                Replay.Append(part.Span);
            }
        };
        OnAnswer = bytes => AnswerBytes += bytes.Length;
    }

    public RequestScope Scope { get; private set; } = null!;

    /// <summary>Passes interim answers on.</summary>
    public Action<ResponseHead> OnInterim { get; }

    /// <summary>Bytes of the request's body were read.</summary>
    public Action<ReadOnlySequence<byte>> OnBody { get; }

    /// <summary>Bytes of the answer's body were read.</summary>
    public Action<ReadOnlySequence<byte>> OnAnswer { get; }

    /// <summary>Path and query as they came, where the route changed them.</summary>
    public string? OriginalTarget { get; set; }

    public IServerExchange Exchange { get; private set; } = null!;

    public RequestHead Head => Exchange.Request;

    /// <summary>When its head had come, as a timestamp of the telemetry's clock.</summary>
    public long Started { get; private set; }

    public RouteDecision Decision { get => _decision; set => _decision = value; }

    /// <summary>The same without a copy: it is large.</summary>
    public ref readonly RouteDecision DecisionRef => ref _decision;

    public Upstream? Upstream { get; set; }

    public UpstreamEndpoint? Endpoint { get; set; }

    /// <summary>Endpoints of tries that failed; null at first.</summary>
    public List<UpstreamEndpoint>? Tried { get; set; }

    public int Attempts { get; set; }

    /// <summary>A stale connection was replaced once; that counts as no retry.</summary>
    public bool ReplacedStale { get; set; }

    /// <summary>A place among the upstream's retries is taken.</summary>
    public bool HoldsRetry { get; set; }

    /// <summary>The connection of the present try.</summary>
    public UpstreamConnection? Connection { get; set; }

    /// <summary>The exchange of the present try.</summary>
    public IClientExchange? Try { get; set; }

    /// <summary>Sends the request's body, if it has one.</summary>
    public Task? SendingBody { get; set; }

    public RequestFailure? Failure { get; set; }

    public Interruption Interrupted { get; private set; }

    public EndpointPool.Waiter? Waiter { get; set; }

    public TaskCompletionSource? Pause { get; set; }

    public ReplayBuffer Replay { get; } = new();

    /// <summary>The body was read to its end.</summary>
    public bool BodyEnded { get; set; }

    /// <summary>What was wrong with the request's body.</summary>
    public HttpException? BodyFault { get; set; }

    /// <summary>Whoever sends the body is to stop.</summary>
    public bool StopsBody { get; set; }

    public long BodyBytes { get; set; }

    public long AnswerBytes { get; set; }

    public ResponseFlags Flags { get; set; }

    public string Details { get; set; } = "";

    /// <summary>What the log says went wrong; null if nothing did.</summary>
    public string? Error { get; set; }

    public int Status { get; set; }

    public bool IsGrpc { get; private set; }

    /// <summary>The status of a gRPC call; −1 where none came.</summary>
    public int GrpcStatus { get; set; } = -1;

    /// <summary>For answers of our own.</summary>
    public ResponseHead Reply { get; } = new();

    public void Begin(RequestScope scope, IServerExchange exchange, long started)
    {
        Scope = scope;
        Exchange = exchange;
        Started = started;
        IsGrpc = Head.Fields.TryGet("content-type"u8, out var type) && type.StartsWith("application/grpc"u8);
        exchange.OnAborted = _onAborted;
        if (exchange.IsAborted)
        {
            Interrupt(Interruption.ClientGone);
        }
    }

    /// <summary>Ready for the next request.</summary>
    public void End()
    {
        _serial++;
        _deadline?.Dispose();
        EndTry();
        Replay.Clear();
        Scope = null!;
        Exchange = null!;
        Decision = default;
        Upstream = null;
        OriginalTarget = null;
        Endpoint = null;
        Tried = null;
        Connection = null;
        Try = null;
        SendingBody = null;
        Failure = null;
        Waiter = null;
        Pause = null;
        _deadline = null;
        Attempts = 0;
        Interrupted = Interruption.None;
        ReplacedStale = BodyEnded = HoldsRetry = false;
        BodyBytes = AnswerBytes = 0;
        Flags = ResponseFlags.None;
        Details = "";
        Error = null;
        BodyFault = null;
        Status = 0;
        GrpcStatus = -1;
        Reply.Reset();
    }

    /// <summary>Gives up whatever it waits for. The first reason counts, but that a client went away beats the end of a try.</summary>
    public void Interrupt(Interruption reason)
    {
        if (Interrupted is Interruption.ClientGone or Interruption.TimedOut)
        {
            return;
        }

        // Each of these may let the request go on to its end at once, after which this object is another request's.
        var serial = _serial;
        Interrupted = reason;
        Waiter?.Cancel();
        if (serial == _serial)
        {
            Pause?.TrySetResult();
        }

        if (serial == _serial && Exchange.HasResponded)
        {
            Exchange.Abort(); // what was begun cannot be ended well
        }

        if (serial == _serial)
        {
            Try?.Abort();
        }
    }

    /// <summary>The time for one try begins, if there is one.</summary>
    public void BeginTry(TimeSpan? timeout)
    {
        if (timeout is { } time)
        {
            _tryDeadline = Scope.Loop.After(time, static state => ((RequestState)state!).Interrupt(Interruption.TryTimedOut), this);
        }
    }

    /// <summary>The try is over, or has its answer.</summary>
    public void EndTry()
    {
        _tryDeadline?.Dispose();
        _tryDeadline = null;
    }

    /// <summary>The try's time may be over, the request's is not: on to the next try.</summary>
    public void ForgetTryTimeout()
    {
        if (Interrupted == Interruption.TryTimedOut)
        {
            Interrupted = Interruption.None;
        }
    }

    /// <summary>The time for the whole exchange begins, if there is one.</summary>
    public void BeginExchange(TimeSpan? timeout)
    {
        if (timeout is { } time)
        {
            _deadline = Scope.Loop.After(time, static state => ((RequestState)state!).Interrupt(Interruption.TimedOut), this);
        }
    }

    /// <summary>Makes an answer of ours one to a gRPC call.</summary>
    public void ReplyGrpc(int status)
    {
        GrpcStatus = status;
        Status = Reply.Status = 200;
        Reply.Fields.Add("content-type"u8, "application/grpc"u8);
        Reply.Fields.Add("grpc-status", status.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>No time-out concerns what comes now: an upgraded connection.</summary>
    public void EndTimeouts()
    {
        EndTry();
        _deadline?.Dispose();
        _deadline = null;
    }

    bool IHeaderSource.TryGet(HeaderName name, Span<char> scratch, out ReadOnlySpan<char> value)
    {
        if (name.Text is "host" or ":authority")
        {
            value = Head.Authority;
            return true;
        }

        if (!Head.Fields.TryGet(name.Bytes, out var found))
        {
            value = default;
            return false;
        }

        if (found.Length <= scratch.Length && IsSingle(Head.Fields, name.Bytes))
        {
            Encoding.Latin1.GetChars(found, scratch);
            value = scratch[..found.Length];
        }
        else
        {
            value = Head.Fields.Text(name.Bytes);
        }

        return true;
    }

    private static bool IsSingle(FieldList fields, ReadOnlySpan<byte> name)
    {
        var count = 0;
        for (var index = 0; index < fields.Count; index++)
        {
            count += fields[index].Name.SequenceEqual(name) ? 1 : 0;
        }

        return count == 1;
    }
}
