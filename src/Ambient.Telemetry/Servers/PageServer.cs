using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Servers;

/// <summary>
/// A small HTTP/1.1 server of pages by exact path, straight over sockets: a node proxy that carries Kestrel for its probes is a tenth
/// larger. Unknown paths answer 404, other methods than the page's 405; what is not plain HTTP/1 is refused and the connection closed.
/// </summary>
public sealed class PageServer : IAsyncDisposable
{
    /// <summary>Scrapers, probes and people; more at a time is a mistake or an attack.</summary>
    private const int MaxConnections = 64;

    private static readonly TimeSpan DisposePatience = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, Page> _pages = new(StringComparer.Ordinal);
    private readonly string _name;
    private readonly ILogger _logger;
    private readonly ListenAddress _address;
    private readonly List<Socket> _listeners = [];
    private readonly List<Task> _accepting = [];
    private readonly HashSet<Task> _connections = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _aborting = new();

    /// <summary>A server that does not listen yet. <paramref name="name"/> is for error messages.</summary>
    public PageServer(string name, ListenAddress address, ILoggerFactory loggers)
    {
        _name = name;
        _address = address;
        _logger = loggers.CreateLogger<PageServer>();
    }

    /// <summary>Where it listens, with the ports that were chosen for port 0; empty before the start.</summary>
    public IReadOnlyList<IPEndPoint> EndPoints => [.. _listeners.Select(listener => (IPEndPoint)listener.LocalEndPoint!)];

    /// <summary>The pages by path, in order of registration.</summary>
    internal IEnumerable<KeyValuePair<string, Page>> Pages => _pages;

    /// <summary>Adds a page for GET and HEAD.</summary>
    public PageServer Get(string path, string description, Func<PageContext, Task> handler) => Add(path, new Page(["GET", "HEAD"], description, handler));

    /// <summary>Adds a page for POST.</summary>
    public PageServer Post(string path, string description, Func<PageContext, Task> handler) => Add(path, new Page(["POST"], description, handler));

    /// <summary>Listens. Add pages before.</summary>
    /// <exception cref="IOException">Names the address that cannot be bound.</exception>
    public Task StartAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        try
        {
            foreach (var endpoint in _address.EndPoints)
            {
                var listener = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                _listeners.Add(listener);
                if (endpoint.AddressFamily == AddressFamily.InterNetworkV6)
                {
                    listener.DualMode = endpoint.Address.Equals(IPAddress.IPv6Any);
                }

                listener.Bind(endpoint);
                listener.Listen(MaxConnections);
            }
        }
        catch (SocketException failure)
        {
            throw new IOException(
                $"The {_name} server cannot listen on {string.Join(" and ", _address.EndPoints)}: {failure.Message} "
                + "Free the port or configure another address.", failure);
        }

        _accepting.AddRange(_listeners.Select(AcceptAsync));
        return Task.CompletedTask;
    }

    /// <summary>Stops listening; requests in progress get a moment to end.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_accepting);
        _listeners.ForEach(listener => listener.Dispose());
        _aborting.CancelAfter(DisposePatience);
        Task[] open;
        lock (_connections)
        {
            open = [.. _connections];
        }

        await Task.WhenAll(open);
        _stopping.Dispose();
        _aborting.Dispose();
    }

    /// <summary>Answers with text.</summary>
    public static Task AnswerAsync(PageContext context, int status, string text, string contentType = "text/plain; charset=utf-8") =>
        context.AnswerAsync(status, text, contentType);

    private async Task AcceptAsync(Socket listener)
    {
        // The caller goes on first.
        await Task.Yield();
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync(_stopping.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException failure)
            {
                // Descriptors used up, or a client that has gone: the next one may be taken.
                Log.AcceptFailed(_logger, _name, failure.Message);
                await Task.Delay(TimeSpan.FromMilliseconds(100), CancellationToken.None);
                continue;
            }

            lock (_connections)
            {
                _connections.RemoveWhere(task => task.IsCompleted);
                if (_connections.Count >= MaxConnections)
                {
                    socket.Dispose();
                    continue;
                }

                _connections.Add(ServeAsync(socket));
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        await Task.Yield();
        try
        {
            await using var connection = new PageConnection(socket);
            while (await connection.ReadAsync(_stopping.Token, _aborting.Token) is { } context)
            {
                await AnswerAsync(context);
                if (!await connection.EndAsync(context) || _stopping.IsCancellationRequested)
                {
                    return;
                }
            }
        }
        catch (Exception gone) when (gone is IOException or SocketException or OperationCanceledException)
        {
            // The client went away, was too slow, or the server ends: nobody is there to be told.
        }
    }

    private async Task AnswerAsync(PageContext context)
    {
        if (context.Problem is { } problem)
        {
            await context.AnswerAsync(400, problem + "\n");
            return;
        }

        if (!_pages.TryGetValue(context.Path, out var page))
        {
            await context.AnswerAsync(404, $"There is no page {context.Path} here.\n");
            return;
        }

        if (!page.Methods.Contains(context.Method))
        {
            context.SetHeader("Allow", string.Join(", ", page.Methods));
            await context.AnswerAsync(405, $"{context.Path} takes {string.Join(" or ", page.Methods)}: {page.Description}.\n");
            return;
        }

        try
        {
            await page.Handler(context);
        }
        catch (Exception failure) when (failure is not (OperationCanceledException or IOException))
        {
            Log.PageFailed(_logger, failure, _name, context.Path);
            if (context.HasStarted)
            {
                throw new IOException("The answer cannot be completed.", failure);
            }

            await context.AnswerAsync(500, $"{context.Path} failed: {failure.Message}\n");
        }
    }

    private PageServer Add(string path, Page page)
    {
        if (!path.StartsWith('/') || !_pages.TryAdd(path, page))
        {
            throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture, $"Page '{path}' of the {_name} server must start with / and be added once."));
        }

        return this;
    }
}

/// <summary>What stands at a path.</summary>
internal sealed record Page(string[] Methods, string Description, Func<PageContext, Task> Handler);
