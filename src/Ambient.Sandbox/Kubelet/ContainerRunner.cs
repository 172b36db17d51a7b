using Ambient.Api.Kubernetes;

namespace Ambient.Sandbox.Kubelet;

/// <summary>What a runner needs of its pod.</summary>
internal interface IPodRuntime
{
    /// <summary>The pod's first address: the one that probes go to.</summary>
    string Address { get; }

    /// <summary>Whether an ended container is started again (<c>Always</c>, <c>OnFailure</c>, <c>Never</c>).</summary>
    string RestartPolicy { get; }

    /// <summary>How everything is probed.</summary>
    Prober Prober { get; }

    /// <summary>The clock.</summary>
    TimeProvider Time { get; }

    /// <summary>Starts a process of a container.</summary>
    ContainerProcess Start(Container container);

    /// <summary>Tells that a container's status is another.</summary>
    void Changed();

    /// <summary>Reports that a container ended.</summary>
    void Ended(Container container, int exitCode);
}

/// <summary>One container of a pod through all its lives: start, probes, end, pause, start again.</summary>
internal sealed class ContainerRunner(Container container, IPodRuntime pod)
{
    /// <summary>Pauses between starts double from half a second to ten; a container that ran ten seconds starts afresh.</summary>
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <summary>A container that has never been ready is asked four times a second: nobody wants to wait for a period's end.</summary>
    private static readonly TimeSpan UnreadyPeriod = TimeSpan.FromMilliseconds(250);

    private ContainerState _state = new() { Waiting = new ContainerStateWaiting { Reason = "ContainerCreating" } };
    private ContainerState? _last;
    private ContainerProcess? _process;
    private string? _id;
    private int _restarts;
    private bool _ready;
    private bool _started;

    /// <summary>The container.</summary>
    public Container Container => container;

    /// <summary>The first process while it runs.</summary>
    public int? ProcessId => _process?.ProcessId;

    /// <summary>Whether the container has ended for good with 0.</summary>
    public bool Succeeded => _state.Terminated is { ExitCode: 0 };

    /// <summary>Whether the container has ended for good with something else.</summary>
    public bool Failed => _state.Terminated is { ExitCode: not 0 };

    /// <summary>Whether it takes part in the pod's readiness.</summary>
    public bool Ready => _ready;

    /// <summary>The status to report.</summary>
    public ContainerStatus Status() => new()
    {
        Name = container.Name,
        Image = container.Image,
        ImageID = container.Image,
        ContainerID = _id is null ? null : "ambient://" + _id,
        Ready = _ready,
        Started = _started,
        RestartCount = _restarts,
        State = _state,
        LastState = _last,
    };

    /// <summary>Runs until the container has ended for good, or the pod ends.</summary>
    /// <param name="restart">The restart policy of this container.</param>
    /// <param name="grace">How long it may take to end when the pod does.</param>
    /// <param name="ending">The pod ends.</param>
    public async Task RunAsync(string restart, Func<TimeSpan> grace, CancellationToken ending)
    {
        var pause = FirstPause;
        while (!ending.IsCancellationRequested)
        {
            var began = pod.Time.GetTimestamp();
            var exit = await RunOnceAsync(grace, ending);
            if (ending.IsCancellationRequested || restart == "Never" || (restart == "OnFailure" && exit == 0))
            {
                return;
            }

            pause = pod.Time.GetElapsedTime(began) > LongestPause ? FirstPause : pause;
            _last = _state;
            Set(new ContainerState { Waiting = new ContainerStateWaiting { Reason = "CrashLoopBackOff", Message = $"started again in {pause.TotalSeconds:0.#} s" } });
            await Task.Delay(pause, pod.Time, ending).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
            _restarts++;
        }
    }

    private async Task<int> RunOnceAsync(Func<TimeSpan> grace, CancellationToken ending)
    {
        var startedAt = pod.Time.GetUtcNow();
        ContainerProcess process;
        try
        {
            process = pod.Start(container);
        }
        catch (Exception e) when (e is SandboxException or IOException or System.ComponentModel.Win32Exception)
        {
            Set(new ContainerState { Terminated = new ContainerStateTerminated { ExitCode = 128, Reason = "StartError", Message = e.Message, StartedAt = startedAt, FinishedAt = pod.Time.GetUtcNow() } });
            return 128;
        }

        using (process)
        {
            _process = process;
            _id = process.Id;
            _started = container.StartupProbe is null;
            _ready = _started && container.ReadinessProbe is null;
            Set(new ContainerState { Running = new ContainerStateRunning { StartedAt = startedAt } });

            using var watched = CancellationTokenSource.CreateLinkedTokenSource(ending);
            var probes = ProbeAsync(process, watched.Token);
            using var stop = ending.Register(static state => ((CancellationTokenSource)state!).Cancel(), watched);
            var exit = process.WaitAsync(CancellationToken.None);
            var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var wake = ending.Register(() => over.TrySetResult());
            if (await Task.WhenAny(exit, over.Task) != exit)
            {
                _ready = false;
                await process.StopAsync(grace());
            }

            var code = await exit;
            await watched.CancelAsync();
            await probes;
            _process = null;
            _ready = false;
            _started = false;
            Set(new ContainerState
            {
                Terminated = new ContainerStateTerminated
                {
                    ExitCode = code,
                    Reason = code == 0 ? "Completed" : "Error",
                    StartedAt = startedAt,
                    FinishedAt = pod.Time.GetUtcNow(),
                },
            });
            if (!ending.IsCancellationRequested)
            {
                pod.Ended(container, code);
            }

            return code;
        }
    }

    /// <summary>The startup probe alone at first; then readiness and liveness side by side until the process has ended.</summary>
    private async Task ProbeAsync(ContainerProcess process, CancellationToken ct)
    {
        try
        {
            if (container.StartupProbe is { } startup)
            {
                await FollowAsync(startup, process, untilWell: true, _ => { }, ct);
                _started = true;
                _ready = container.ReadinessProbe is null;
                pod.Changed();
            }

            await Task.WhenAll(
                container.ReadinessProbe is { } readiness ? FollowAsync(readiness, process, untilWell: false, SetReady, ct) : Task.CompletedTask,
                container.LivenessProbe is { } liveness ? LivenessAsync(liveness, process, ct) : Task.CompletedTask);
        }
        catch (OperationCanceledException)
        {
            // The process has ended.
        }
    }

    private async Task LivenessAsync(Probe probe, ContainerProcess process, CancellationToken ct) =>
        await FollowAsync(probe, process, untilWell: false, well =>
        {
            if (!well)
            {
                _ = process.StopAsync(TimeSpan.FromSeconds(1)); // RunOnceAsync awaits its effect: the process's end
            }
        }, ct);

    /// <summary>Asks again and again; tells when the threshold of successes or failures in a row is reached.</summary>
    private async Task FollowAsync(Probe probe, ContainerProcess process, bool untilWell, Action<bool> tell, CancellationToken ct)
    {
        await Task.Delay(TimeSpan.FromSeconds(probe.InitialDelaySeconds ?? 0), pod.Time, ct);
        var period = TimeSpan.FromSeconds(Math.Max(1, probe.PeriodSeconds ?? 10));
        var everWell = false;
        var (well, ill) = (0, 0);
        while (true)
        {
            var failure = await pod.Prober.AskAsync(probe, container, pod.Address, process.ProcessId, ct);
            (well, ill) = failure is null ? (well + 1, 0) : (0, ill + 1);
            if (well == Math.Max(1, probe.SuccessThreshold ?? 1))
            {
                everWell = true;
                tell(true);
                if (untilWell)
                {
                    return;
                }
            }

            if (everWell && ill == Math.Max(1, probe.FailureThreshold ?? 3))
            {
                tell(false);
            }

            await Task.Delay(everWell ? period : UnreadyPeriod, pod.Time, ct);
        }
    }

    private void SetReady(bool ready)
    {
        if (_ready != ready)
        {
            _ready = ready;
            pod.Changed();
        }
    }

    private void Set(ContainerState state)
    {
        _state = state;
        pod.Changed();
    }
}
