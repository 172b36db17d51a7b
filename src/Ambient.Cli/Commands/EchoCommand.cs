using System.CommandLine;
using Ambient.Sandbox.Echo;

namespace Ambient.Cli.Commands;

/// <summary><c>ambientctl echo</c>: the image <c>ambient/echo</c>.</summary>
internal static class EchoCommand
{
    public static Command Build()
    {
        var defaults = new EchoOptions();
        var http = Port("--http", "HTTP/1.1 and WebSocket", defaults.Http);
        var http2 = Port("--http2", "HTTP/2 without TLS, and gRPC", defaults.Http2);
        var https = Port("--https", "HTTP over TLS, with a certificate made at start", defaults.Https);
        var tcp = Port("--tcp", "raw TCP", defaults.Tcp);
        var command = new Command("echo", "Serve the image ambient/echo: answer every request with what was seen of it.") { http, http2, https, tcp };
        command.Hidden = true;
        command.SetAction(async (parsed, ct) =>
        {
            await EchoServer.RunAsync(
                new EchoOptions
                {
                    Http = parsed.GetValue(http),
                    Http2 = parsed.GetValue(http2),
                    Https = parsed.GetValue(https),
                    Tcp = parsed.GetValue(tcp),
                },
                ct);
            return 0;
        });
        return command;
    }

    private static Option<int> Port(string name, string protocol, int value)
    {
        var option = new Option<int>(name)
        {
            Description = $"TCP port for {protocol}; 0 leaves it out.",
            DefaultValueFactory = _ => value,
        };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 0 or > 65535)
            {
                result.AddError($"{name}: a port is a number from 0 to 65535.");
            }
        });
        return option;
    }
}
