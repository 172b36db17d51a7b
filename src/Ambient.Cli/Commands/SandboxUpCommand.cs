using System.CommandLine;
using System.Diagnostics;
using System.Security.Cryptography;
using Ambient.Sandbox;
using Ambient.Sandbox.Runs;

namespace Ambient.Cli.Commands;

/// <summary><c>ambientctl sandbox up</c>.</summary>
internal static class SandboxUpCommand
{
    /// <summary>What a start may take on a loaded machine, before a detached one counts as failed.</summary>
    private static readonly TimeSpan LongestStart = TimeSpan.FromMinutes(3);

    public static Command Build()
    {
        var name = SandboxCommand.NameOption("A name for the sandbox, at most 8 letters and digits; a random one if not given.");
        var files = new Option<string[]>("--file", "-f") { Description = "Manifests to apply: a file or a folder of YAML. May be given several times.", HelpName = "FILE|DIR" };
        var nodes = new Option<int>("--nodes") { Description = "How many nodes.", DefaultValueFactory = _ => 2, HelpName = "N" };
        var images = new Option<string[]>("--image") { Description = "A program of this machine to run for an image. May be given several times.", HelpName = "NAME=PATH" };
        var detach = new Option<bool>("--detach", "-d") { Description = "Go on in the background once everything is ready." };
        var install = new Option<bool>("--install") { Description = "Install missing packages with apt-get." };
        var plain = new Option<bool>("--no-mesh") { Description = "Start a plain cluster, without the mesh's components." };
        var command = new Command("up", "Start a sandbox and keep it until Ctrl-C (or, detached, until 'sandbox down').") { files, nodes, images, detach, install, plain, name };
        command.SetAction((parsed, ct) => Guard.RunAsync(async () =>
        {
            var options = new SandboxOptions
            {
                Name = parsed.GetValue(name),
                Nodes = parsed.GetValue(nodes),
                Images = parsed.GetValue(images) ?? [],
                Manifests = parsed.GetValue(files) ?? [],
                Mesh = !parsed.GetValue(plain),
            };
            if (parsed.GetValue(install) && Prerequisites.Missing(forDemo: false) is { Count: > 0 } missing)
            {
                Console.WriteLine($"installing {string.Join(' ', missing)}");
                await Prerequisites.InstallAsync(missing, ct);
            }

            if (!parsed.GetValue(detach))
            {
                return await RunAsync(options, ct);
            }

            if (await DetachAsync(options, Console.Out, ct) is not { } id)
            {
                return 1;
            }

            Console.WriteLine($"End it with: ambientctl sandbox down --name {id}");
            return 0;
        }));
        return command;
    }

    private static async Task<int> RunAsync(SandboxOptions options, CancellationToken ct)
    {
        await using var host = await SandboxHost.StartAsync(
            options, step => Console.WriteLine("  " + step), TimeProvider.System, ct);
        Console.WriteLine($"sandbox {host.Id} is up. Its kubeconfig: {host.Connection.KubeConfigPath}");
        Console.WriteLine("  kubectl --kubeconfig " + host.Connection.KubeConfigPath + " get pods -A");
        Console.WriteLine("Ctrl-C, or 'ambientctl sandbox down' in another terminal, ends it.");
        try
        {
            await host.FailureAsync().WaitAsync(ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            Console.WriteLine($"sandbox {host.Id} is going down");
        }

        return 0;
    }

    /// <summary>Starts the same command in a session of its own and waits until the sandbox is ready.</summary>
    /// <returns>The sandbox's name; null if it did not start, with its words on standard error.</returns>
    public static async Task<string?> DetachAsync(SandboxOptions options, TextWriter talk, CancellationToken ct)
    {
        var id = options.Name ?? RandomNumberGenerator.GetString("abcdefghjkmnpqrstuvwxyz23456789", 5);
        var log = Path.Combine(Path.GetTempPath(), $"ambient-sandbox-{id}.log");
        var info = new ProcessStartInfo("setsid") { RedirectStandardInput = true };
        string[] arguments =
        [
            "/bin/sh", "-c", "exec \"$@\" </dev/null >\"$0\" 2>&1", log, Environment.ProcessPath!, "sandbox", "up", "--name", id,
            "--nodes", options.Nodes.ToString(), .. options.Images.SelectMany(image => new[] { "--image", image }),
            .. options.Manifests.SelectMany(file => new[] { "-f", Path.GetFullPath(file) }), .. options.Mesh ? Array.Empty<string>() : ["--no-mesh"],
        ];
        foreach (var argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }

        using var process = Process.Start(info) ?? throw new SandboxException("setsid did not start.");
        process.StandardInput.Close();
        var started = Stopwatch.GetTimestamp();
        try
        {
            while (Stopwatch.GetElapsedTime(started) < LongestStart)
            {
                if (process.HasExited)
                {
                    await Console.Error.WriteAsync(await File.ReadAllTextAsync(log, ct));
                    return null;
                }

                if (SandboxRuns.Running().FirstOrDefault(run => run.Id == id) is { Ready: true } run)
                {
                    await talk.WriteLineAsync($"sandbox {id} is up. Its kubeconfig: {SandboxRuns.KubeConfigOf(run)}");
                    return id;
                }

                await Task.Delay(100, ct);
            }

            throw new SandboxException($"The sandbox was not ready after {LongestStart.TotalMinutes:0} minutes. It said: {await File.ReadAllTextAsync(log, ct)}");
        }
        finally
        {
            File.Delete(log); // it stays open for the sandbox, and goes with it
        }
    }
}
