using System.IO.Pipelines;
using System.Net;
using Ambient.Api;
using Ambient.Linux;

namespace Ambient.Identity.Tls;

/// <summary>
/// A mutually authenticated TLS 1.3 connection over a socket of an event loop, used on that loop only. Each side ends its
/// direction with close_notify when its writer is completed; an end without it is an error to the reader
/// (<see cref="TlsFailure.Truncated"/>), because data may be missing.
/// </summary>
public sealed class TlsConnection : IDuplexPipe, IDisposable
{
    private readonly TcpSocket _socket;
    private readonly TlsRecords _records;
    private readonly TlsReader _input;
    private readonly TlsWriter _output;
    private bool _closed;

    internal TlsConnection(TcpSocket socket, TlsContext context, TlsSession session, ReadOnlySpan<byte> rest)
    {
        _socket = socket;
        RemoteEndPoint = socket.RemoteEndPoint;
        LocalEndPoint = socket.LocalEndPoint;
        Role = context.Role;
        LocalIdentity = context.Identity;
        PeerIdentity = session.Peer;
        _records = TlsRecords.Create(session, context.Options);
        _input = new TlsReader(this, socket, _records);
        _output = new TlsWriter(this, socket, _records);
        _input.Preload(rest);
    }

    /// <summary>The loop that it belongs to.</summary>
    public EventLoop Loop => _socket.Loop;

    /// <summary>Which side we are.</summary>
    public TlsRole Role { get; }

    /// <summary>Who we are to the peer.</summary>
    public SpiffeId LocalIdentity { get; }

    /// <summary>Who the peer is, proven: the first SPIFFE ID among its certificate's URI names.</summary>
    public SpiffeId PeerIdentity { get; }

    /// <summary>The peer's address.</summary>
    public IPEndPoint RemoteEndPoint { get; }

    /// <summary>Our address.</summary>
    public IPEndPoint LocalEndPoint { get; }

    /// <summary>Whether the connection was disposed or broke.</summary>
    public bool IsClosed => _closed || _socket.IsClosed;

    /// <summary>What the peer sends. Reading fails with <see cref="TlsException"/> when the connection breaks.</summary>
    public PipeReader Input => _input;

    /// <summary>What goes to the peer, at the end of the loop's turn in which it was flushed.</summary>
    public PipeWriter Output => _output;

    /// <summary>Connects as a client over a connected socket, which it then owns (and closes on failure).</summary>
    /// <param name="socket">Connected; of the calling loop.</param>
    /// <param name="context">Our identity, as a client.</param>
    /// <param name="expected">Identities that may be there; if empty, none may.</param>
    /// <param name="timeout">For the whole handshake, waiting for its turn included.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="TlsException">No session; the reason tells why.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ValueTask<TlsConnection> ClientAsync(
        TcpSocket socket,
        TlsContext context,
        IReadOnlyCollection<SpiffeId> expected,
        TimeSpan timeout,
        CancellationToken cancellation = default)
    {
        RequireRole(context, TlsRole.Client);
        return new TlsHandshake(socket, context, PeerPolicy.AnyOf(expected), timeout).RunAsync(HandshakeLimit.Opening(socket.Loop), cancellation);
    }

    /// <summary>
    /// Accepts a client over an accepted socket, which it then owns (and closes on failure). The client's identity has to
    /// be of our own trust domain.
    /// </summary>
    /// <inheritdoc cref="ClientAsync"/>
    public static ValueTask<TlsConnection> ServerAsync(
        TcpSocket socket, TlsContext context, TimeSpan timeout, CancellationToken cancellation = default)
    {
        RequireRole(context, TlsRole.Server);
        var policy = PeerPolicy.TrustDomain(context.Identity.TrustDomain);
        return new TlsHandshake(socket, context, policy, timeout).RunAsync(HandshakeLimit.Accepting(socket.Loop), cancellation);
    }

    /// <summary>
    /// Ends the connection in order: sends what was written and close_notify, waits until the peer has closed too, so that
    /// nothing that is under way to it is destroyed, and frees everything. Bounded by the time given, then cut.
    /// </summary>
    public async Task CloseAsync(TimeSpan timeout)
    {
        using var deadline = Loop.After(timeout, static connection => ((TlsConnection)connection!).Dispose(), this);
        await _input.CompleteAsync();
        var drained = new TaskCompletionSource();
        _output.Drained = () => drained.TrySetResult();
        await _output.CompleteAsync();
        if (!_output.IsDrained && !_closed)
        {
            await drained.Task;
        }

        await _input.DiscardAsync();
        Dispose();
    }

    /// <summary>Breaks the connection now, with a TCP reset; the peer sees an error, not an end.</summary>
    public void Abort()
    {
        _socket.Abort();
        Dispose();
    }

    /// <summary>Closes the connection now; what waits to be sent is lost. Idempotent.</summary>
    public void Dispose()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        _socket.Dispose();
        var failure = new TlsException(TlsFailure.ConnectionLost, $"{Describe()} was closed by this side.");
        _output.Fail(failure);
        _input.Close(failure);
        _records.Dispose();
    }

    internal (int Sent, int Received) KeyUpdates => _records.KeyUpdates;

    internal string Describe() => $"TLS connection {(Role == TlsRole.Client ? "to" : "from")} {RemoteEndPoint} ({PeerIdentity})";

    internal TlsException Lost(string operation, Errno error) =>
        new(TlsFailure.ConnectionLost, $"{Describe()} broke: {operation}: {LinuxException.Describe(error)}.");

    /// <summary>Sends an alert behind the records that wait, as far as the socket takes it: the connection is over anyway.</summary>
    internal void SendFarewell(ReadOnlySpan<byte> alert) => _output.SendLast(alert);

    /// <summary>Sends records that opening one has brought about.</summary>
    internal void Answer(ReadOnlySpan<byte> records) => _output.Answer(records);

    private static void RequireRole(TlsContext context, TlsRole role)
    {
        if (context.Role != role)
        {
            throw new ArgumentException($"This context is for a {context.Role}.", nameof(context));
        }
    }
}
