using Ambient.Hbone;
using Ambient.Http;
using Ambient.Http.Sniffing;
using Ambient.Linux;
using Ambient.Proxy.Tunnels;

namespace Ambient.Waypoint.Serving;

/// <summary>
/// Looks at the first bytes of connections, without consuming them, to tell what is spoken. A client that says nothing may wait for its server
/// to speak first; both are listened to then. On its loop only.
/// </summary>
internal sealed class FirstWords(EventLoop loop) : IDisposable
{
    /// <summary>
    /// For a client's first bytes where nothing is declared, before its server is listened to as well: a round trip between nodes and the time to
    /// write a request, so that hardly any HTTP connection costs a needless one to an endpoint.
    /// </summary>
    private static readonly TimeSpan Shyness = TimeSpan.FromMilliseconds(25);

    /// <summary>For the rest of a first word that has begun. Then it is HTTP: nobody passes by the rules for requests by sending one slowly.</summary>
    private static readonly TimeSpan Stammer = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _ending = new();

    /// <summary>Ends waits for clients that have said nothing yet: they may begin elsewhere.</summary>
    public void Stop() => _ending.Cancel();

    /// <inheritdoc/>
    public void Dispose() => _ending.Dispose();

    /// <summary>What a client speaks; undecided where it says nothing for a moment.</summary>
    public async Task<SniffedProtocol> OfAsync(Http2Stream client)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
        using var timer = loop.After(Shyness, static state => ((CancellationTokenSource)state!).Cancel(), patience);
        return await LookAsync(client, patience.Token);
    }

    /// <summary>Which version of HTTP a client speaks, however long it takes to begin; null where it went away, or we do.</summary>
    public async Task<HttpVersion?> VersionAsync(Http2Stream client) => await LookAsync(client, _ending.Token) switch
    {
        SniffedProtocol.Http2 => HttpVersion.Http2,
        SniffedProtocol.Undecided => null,
        _ => HttpVersion.Http1, // and refused there, if it is none
    };

    /// <summary>
    /// Which version of HTTP a silent client speaks in the end, while its server is listened to as well; null where it is something else, or the
    /// server was first.
    /// </summary>
    public async Task<HttpVersion?> VersionUnlessServedAsync(Http2Stream client, ReachedPeer server)
    {
        using var decided = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
        var words = LookAsync(client, decided.Token);
        var answer = server.Stream is { } stream ? ReadableAsync(stream, decided.Token) : ReadableAsync(server.Server!);
        await Task.WhenAny(words, answer);
        await decided.CancelAsync();
        if (server.Stream is not null)
        {
            await answer; // its read has to be over before anybody else reads
        }

        return await words switch
        {
            SniffedProtocol.Http1 => HttpVersion.Http1,
            SniffedProtocol.Http2 => HttpVersion.Http2,
            _ => null,
        };
    }

    /// <summary>Looks until it is decided; undecided where the token says so before the first byte.</summary>
    private async Task<SniffedProtocol> LookAsync(Http2Stream client, CancellationToken silence)
    {
        var input = client.Input;
        using var stammer = new CancellationTokenSource();
        IDisposable? timer = null;
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(timer is null ? silence : stammer.Token);
                var protocol = ProtocolSniffer.Classify(read.Buffer);
                var (isEmpty, isLast) = (read.Buffer.IsEmpty, read.IsCompleted);
                if (isLast && protocol == SniffedProtocol.Undecided)
                {
                    protocol = isEmpty ? SniffedProtocol.Opaque : SniffedProtocol.Http1;
                }

                if (protocol != SniffedProtocol.Undecided)
                {
                    input.AdvanceTo(read.Buffer.Start); // who goes on reads them at once
                    return protocol;
                }

                input.AdvanceTo(read.Buffer.Start, read.Buffer.End);

                timer ??= isEmpty ? null : loop.After(Stammer, static state => ((CancellationTokenSource)state!).Cancel(), stammer);
            }
        }
        catch (OperationCanceledException)
        {
            return timer is null ? SniffedProtocol.Undecided : SniffedProtocol.Http1;
        }
        catch (IOException)
        {
            return SniffedProtocol.Opaque; // reset: whoever takes it on learns it again
        }
        finally
        {
            timer?.Dispose();
        }
    }

    private static async Task ReadableAsync(Http2Stream server, CancellationToken decided)
    {
        try
        {
            var read = await server.Input.ReadAsync(decided);
            server.Input.AdvanceTo(read.Buffer.Start);
        }
        catch (Exception end) when (end is OperationCanceledException or IOException)
        {
            // the client was first; or the relay learns the end again
        }
    }

    private static Task ReadableAsync(TcpSocket server)
    {
        var events = new Readable();
        server.Attach(events);
        return server.IsReadable || server.IsClosed ? Task.CompletedTask : events.Seen;
    }

    /// <summary>Sees that a socket has something to read; whoever attaches next takes over.</summary>
    private sealed class Readable : ISocketEvents
    {
        private readonly TaskCompletionSource _seen = new();

        public Task Seen => _seen.Task;

        void ISocketEvents.OnReadable() => _seen.TrySetResult();

        void ISocketEvents.OnWritable()
        {
            // of no interest before there is something to say
        }

        void ISocketEvents.OnClosed() => _seen.TrySetResult();
    }
}
