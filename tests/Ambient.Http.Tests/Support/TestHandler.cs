using System.Runtime.CompilerServices;

namespace Ambient.Http.Tests.Support;

/// <summary>A handler made of a function, which keeps what was refused.</summary>
internal sealed class TestHandler(Func<IServerExchange, ValueTask> handle) : IRequestHandler
{
    public List<Refusal> Refusals { get; } = [];

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask HandleAsync(IServerExchange exchange) => await handle(exchange);

    public void OnRefused(in Refusal refusal) => Refusals.Add(refusal);
}
