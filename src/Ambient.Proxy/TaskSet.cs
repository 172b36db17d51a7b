namespace Ambient.Proxy;

/// <summary>
/// Owns tasks of one loop that nobody awaits singly: knows when the last has ended, and keeps the first failure for whoever
/// waits for that. Adding and ending cost the same however many there are. On the loop only.
/// </summary>
public sealed class TaskSet
{
    private int _count;
    private Exception? _failure;
    private TaskCompletionSource? _empty;

    /// <summary>How many have not ended.</summary>
    public int Count => _count;

    /// <summary>Owns one more.</summary>
    public void Add(Task task)
    {
        if (task.IsCompletedSuccessfully)
        {
            return;
        }

        _count++;
        _ = WatchAsync(task);
    }

    /// <summary>Completes when no task is left, those that are added meanwhile included; fails with the first failure.</summary>
    public async Task WhenEmptyAsync()
    {
        while (_count > 0)
        {
            await (_empty ??= new TaskCompletionSource()).Task;
        }

        if (_failure is { } failure)
        {
            throw new InvalidOperationException($"A task of the proxy failed: {failure.Message}", failure);
        }
    }

    private async Task WatchAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (Exception failure)
        {
            _failure ??= failure;
        }

        if (--_count == 0)
        {
            var empty = _empty;
            _empty = null;
            empty?.SetResult();
        }
    }
}
