using Ambient.Hbone;
using Ambient.Http.Http2;
using Ambient.Http.Tests.Support;
using LoopTransport = Ambient.Hbone.Tests.Support.MemoryTransport;

namespace Ambient.Http.Tests.Http2;

/// <summary>A client's and a server's connection of HTTP/2 with a transport in memory between them, on the test's loop.</summary>
internal sealed class Http2Pair : IAsyncDisposable
{
    private readonly Task _serving;
    private readonly Task _reading;

    public Http2Pair(Func<IServerExchange, ValueTask> handle)
        : this(new TestHandler(handle))
    {
    }

    public Http2Pair(TestHandler handler)
    {
        var (near, far) = LoopTransport.Create();
        var budget = new ByteBudget(ByteBudget.DefaultLimit);
        Handler = handler;
        Server = new Http2ServerConnection(far, Http2Settings.ForRequests(), new HttpLimits(), budget, handler);
        Client = new Http2ClientConnection(near, Http2Settings.ForRequests(), new HttpLimits(), budget);
        _serving = Server.RunAsync();
        _reading = Client.RunAsync();
    }

    public TestHandler Handler { get; }

    public Http2ServerConnection Server { get; }

    public Http2ClientConnection Client { get; }

    /// <summary>Both ends are over.</summary>
    public Task Ended => Task.WhenAll(_serving, _reading);

    public static RequestHead Head(string method, string path, params (string Name, string Value)[] fields)
    {
        var head = new RequestHead { Method = method, Authority = "a.example", Path = path };
        foreach (var (name, value) in fields)
        {
            head.Fields.Add(name, value);
        }

        return head;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Abort();
        Server.Abort();
        await Ended;
    }
}
