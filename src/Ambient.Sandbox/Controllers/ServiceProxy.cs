using System.Threading.Channels;
using Ambient.Sandbox.Processes;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Controllers;

/// <summary>Keeps the service rules of every node up to date.</summary>
internal sealed class ServiceProxy
{
    /// <summary>Changes come in bursts: one transaction covers what arrives within this time.</summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    private readonly ClusterState _state;
    private readonly IReadOnlyList<(string Node, string NetworkNamespace)> _nodes;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, string> _applied = [];

    // One pending wish is enough: it applies the newest state.
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public ServiceProxy(ClusterState state, IReadOnlyList<(string Node, string NetworkNamespace)> nodes, ILogger logger, TimeProvider time)
    {
        _state = state;
        _nodes = nodes;
        _logger = logger;
        _time = time;
        state.Services.Subscribe(_ => _changes.Writer.TryWrite(true));
        state.EndpointSlices.Subscribe(_ => _changes.Writer.TryWrite(true));
    }

    /// <summary>Applies changes until cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        await foreach (var _ in _changes.Reader.ReadAllAsync(ct))
        {
            await Task.Delay(Gathering, _time, ct);
            _changes.Reader.TryRead(out bool _);
            await ApplyAsync(ct);
        }
    }

    private async Task ApplyAsync(CancellationToken ct)
    {
        foreach (var (node, networkNamespace) in _nodes)
        {
            var rules = ServiceRules.Render(node, _state.Services.List(), _state.EndpointSlices.List());
            if (_applied.GetValueOrDefault(node) == rules)
            {
                continue;
            }

            try
            {
                await Command.RunAsync("nsenter", [$"--net={Names.NamespacePath(networkNamespace)}", "nft", "-f", "-"], rules, null, ct);
                _applied[node] = rules;
            }
            catch (CommandException e)
            {
                Log.Retrying(_logger, $"service rules of {node}", e.Message);
                await Task.Delay(RetryPause, _time, ct);
                _changes.Writer.TryWrite(true);
            }
        }
    }
}
