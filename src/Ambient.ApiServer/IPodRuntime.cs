namespace Ambient.ApiServer;

/// <summary>What runs the pods. The API server hands requests for <c>pods/log</c>, <c>pods/exec</c> and <c>pods/portforward</c> to it.</summary>
public interface IPodRuntime
{
    /// <summary>Writes a container's log until its end, or with <see cref="PodLogRequest.Follow"/> until cancelled.</summary>
    /// <exception cref="KeyNotFoundException">There is no such container; the message says so to the user.</exception>
    Task WriteLogAsync(PodLogRequest request, Stream output, CancellationToken cancellationToken);

    /// <summary>Runs a command in a container and returns its exit code.</summary>
    /// <exception cref="KeyNotFoundException">There is no such container or command; the message says so to the user.</exception>
    Task<int> ExecAsync(PodExecRequest request, PodExecStreams streams, CancellationToken cancellationToken);

    /// <summary>Connects to a port on loopback inside a pod.</summary>
    /// <exception cref="KeyNotFoundException">There is no such pod; the message says so to the user.</exception>
    /// <exception cref="IOException">Nothing listens there.</exception>
    Task<Stream> ConnectAsync(string ns, string pod, int port, CancellationToken cancellationToken);
}

/// <summary>A request for a container's log.</summary>
/// <param name="Namespace">The pod's namespace.</param>
/// <param name="Pod">The pod's name.</param>
/// <param name="Container">The container; null means the first.</param>
/// <param name="Follow">Go on as the container writes.</param>
/// <param name="TailLines">Only so many of the last lines.</param>
/// <param name="Previous">Of the container's life before its last restart.</param>
/// <param name="SinceSeconds">Only what was written in the last so many seconds.</param>
/// <param name="Timestamps">Begin each line with its time.</param>
/// <param name="LimitBytes">Stop after so many bytes.</param>
public sealed record PodLogRequest(
    string Namespace,
    string Pod,
    string? Container,
    bool Follow,
    long? TailLines,
    bool Previous,
    long? SinceSeconds,
    bool Timestamps,
    long? LimitBytes);

/// <summary>A request to run a command.</summary>
/// <param name="Namespace">The pod's namespace.</param>
/// <param name="Pod">The pod's name.</param>
/// <param name="Container">The container; null means the first.</param>
/// <param name="Command">Command and arguments.</param>
/// <param name="Tty">Whether a terminal is asked for.</param>
public sealed record PodExecRequest(string Namespace, string Pod, string? Container, IReadOnlyList<string> Command, bool Tty);

/// <summary>What a command reads and writes.</summary>
/// <param name="Input">Standard input; null when the user gives none.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error; the same as the output with a terminal.</param>
public sealed record PodExecStreams(Stream? Input, Stream Output, Stream Error)
{
    /// <summary>Sizes of the user's terminal as they change, columns and rows.</summary>
    public Func<CancellationToken, ValueTask<(int Width, int Height)?>> NextSizeAsync { get; init; } =
        static _ => ValueTask.FromResult<(int, int)?>(null);
}
