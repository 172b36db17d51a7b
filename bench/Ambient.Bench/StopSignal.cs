using System.Runtime.InteropServices;

namespace Ambient.Bench;

/// <summary>Turns the signals that end a process into a failure of its work, so that no process and no namespace stays behind.</summary>
internal sealed class StopSignal : IDisposable
{
    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<PosixSignalRegistration> _registrations;

    public StopSignal() => _registrations =
    [
        .. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            _asked.TrySetException(new InvalidOperationException($"Stopped by {context.Signal}; nothing is reported."));
        })),
    ];

    /// <summary>Does the work, or fails as soon as a signal comes.</summary>
    public async Task UnlessStoppedAsync(Func<Task> work) => await await Task.WhenAny(work(), _asked.Task);

    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());
}
