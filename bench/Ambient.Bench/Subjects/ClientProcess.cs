using System.Diagnostics;
using System.Text.Json;
using Ambient.Bench.Load;

namespace Ambient.Bench.Subjects;

/// <summary>The process that loads a subject, see <see cref="Load.Client"/>.</summary>
internal sealed class ClientProcess(string space, IEnumerable<string> targets) : IAsyncDisposable
{
    /// <summary>Beyond the time that a load takes: 8,000 connections with a handshake each need ten seconds.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Process _process = Children.Start(space, Children.Self, ["client", .. targets]);

    public int Process => _process.Id;

    /// <exception cref="InvalidOperationException">The load failed; the message says how.</exception>
    public async Task<LoadFigures> AskAsync(LoadRequest request)
    {
        if (_process.HasExited)
        {
            throw new InvalidOperationException($"The client has ended: {await _process.StandardError.ReadToEndAsync()}");
        }

        await _process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(request));
        await _process.StandardInput.FlushAsync();
        var limit = Patience + TimeSpan.FromSeconds(request.WarmUp + request.Seconds);
        var line = await _process.StandardOutput.ReadLineAsync().WaitAsync(limit)
            ?? throw new InvalidOperationException(await _process.StandardError.ReadToEndAsync());
        var figures = LoadFigures.Parse(line);
        return figures.Error is null ? figures : throw new InvalidOperationException(figures.Error);
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
