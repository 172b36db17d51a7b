using System.Text;

namespace Ambient.ApiServer.Tests;

/// <summary>Logs and commands, through the real kubectl.</summary>
public sealed class StreamingTests
{
    private const string Pod = """
        apiVersion: v1
        kind: Pod
        metadata: {name: p, namespace: default}
        spec:
          nodeName: node-1
          containers: [{name: c, image: "i:1"}, {name: d, image: "i:1"}]
        """;

    [Fact]
    public async Task Logs_come_from_what_runs_the_pods()
    {
        await using var kubectl = await Kubectl.StartAsync(new() { PodRuntime = new Runtime() });
        await kubectl.RunAsync("apply -f -", Pod);
        Assert.Equal("default/p/c tail=3 follow=False\n", await kubectl.RunAsync("logs p -c c --tail 3"));
        var (code, _, error) = await kubectl.TryAsync("logs p -c nosuch");
        Assert.NotEqual(0, code);
        Assert.Contains("container nosuch is not valid for pod p", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_reads_writes_and_ends_with_its_code()
    {
        await using var kubectl = await Kubectl.StartAsync(new() { PodRuntime = new Runtime() });
        await kubectl.RunAsync("apply -f -", Pod);
        var (code, output, error) = await kubectl.TryAsync("exec -i p -c c -- upper", "hello\nworld\n");
        Assert.Equal("HELLO\nWORLD\n", output);
        Assert.Equal("", error);
        Assert.Equal(0, code);
        (code, output, error) = await kubectl.TryAsync("exec p -c d -- fail with me");
        Assert.Equal(7, code);
        Assert.Equal("out of d\n", output);
        Assert.Contains("with me", error, StringComparison.Ordinal);
        (code, _, error) = await kubectl.TryAsync("exec p -c c -- nosuch");
        Assert.NotEqual(0, code);
        Assert.Contains("no such command: nosuch", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Much_output_arrives_whole()
    {
        await using var kubectl = await Kubectl.StartAsync(new() { PodRuntime = new Runtime() });
        await kubectl.RunAsync("apply -f -", Pod);
        var (code, output, error) = await kubectl.TryAsync("exec p -c c -- much");
        Assert.True(code == 0, error);
        Assert.Equal(4_000_000, output.Length);
    }

    /// <summary>Three commands that need no process.</summary>
    private sealed class Runtime : IPodRuntime
    {
        public async Task WriteLogAsync(PodLogRequest request, Stream output, CancellationToken cancellationToken) =>
            await output.WriteAsync(
                Encoding.UTF8.GetBytes($"{request.Namespace}/{request.Pod}/{request.Container} tail={request.TailLines} follow={request.Follow}\n"),
                cancellationToken);

        public async Task<int> ExecAsync(PodExecRequest request, PodExecStreams streams, CancellationToken cancellationToken)
        {
            switch (request.Command[0])
            {
                case "upper":
                    var buffer = new byte[1024];
                    int read;
                    while ((read = await streams.Input!.ReadAsync(buffer, cancellationToken)) > 0)
                    {
                        var text = Encoding.UTF8.GetString(buffer, 0, read).ToUpperInvariant();
                        await streams.Output.WriteAsync(Encoding.UTF8.GetBytes(text), cancellationToken);
                    }

                    return 0;
                case "fail":
                    await streams.Output.WriteAsync(Encoding.UTF8.GetBytes($"out of {request.Container}\n"), cancellationToken);
                    await streams.Error.WriteAsync(Encoding.UTF8.GetBytes(string.Join(' ', request.Command.Skip(1)) + "\n"), cancellationToken);
                    return 7;
                case "much":
                    var block = Encoding.UTF8.GetBytes(new string('x', 40_000));
                    for (var i = 0; i < 100; i++)
                    {
                        await streams.Output.WriteAsync(block, cancellationToken);
                    }

                    return 0;
                default:
                    throw new KeyNotFoundException($"no such command: {request.Command[0]}");
            }
        }
    }
}
