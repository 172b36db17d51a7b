namespace Ambient.Linux;

/// <summary>Something that is due at a time of the loop's clock. It knows its place in the heap, so it is removed at once.</summary>
internal abstract class LoopTimer
{
    public long Due { get; set; }

    public int Place { get; set; } = -1;

    public bool IsArmed => Place >= 0;

    public abstract void Fire();

    /// <summary>The loop ends before the timer is due.</summary>
    public abstract void OnLoopEnding();
}

/// <summary>
/// A binary heap of timers by due time. Connect timeouts are armed and disarmed for every connection, long before they are
/// due, so removal must not leave entries behind. Bound: one entry per armed timer, which its owner holds.
/// </summary>
internal sealed class TimerHeap
{
    private LoopTimer[] _heap = new LoopTimer[16];

    public int Count { get; private set; }

    public LoopTimer? First => Count > 0 ? _heap[0] : null;

    public void Add(LoopTimer timer)
    {
        if (Count == _heap.Length)
        {
            Array.Resize(ref _heap, Count * 2);
        }

        timer.Place = Count;
        _heap[Count++] = timer;
        Rise(timer);
    }

    public void Remove(LoopTimer timer)
    {
        var place = timer.Place;
        if (place < 0)
        {
            return;
        }

        timer.Place = -1;
        var last = _heap[--Count];
        _heap[Count] = null!;
        if (last == timer)
        {
            return;
        }

        _heap[place] = last;
        last.Place = place;
        Rise(last);
        Sink(last);
    }

    private void Rise(LoopTimer timer)
    {
        var place = timer.Place;
        while (place > 0)
        {
            var above = (place - 1) / 2;
            if (_heap[above].Due <= timer.Due)
            {
                break;
            }

            Put(_heap[above], place);
            place = above;
        }

        Put(timer, place);
    }

    private void Sink(LoopTimer timer)
    {
        var place = timer.Place;
        while (true)
        {
            var below = (place * 2) + 1;
            if (below >= Count)
            {
                break;
            }

            if (below + 1 < Count && _heap[below + 1].Due < _heap[below].Due)
            {
                below++;
            }

            if (_heap[below].Due >= timer.Due)
            {
                break;
            }

            Put(_heap[below], place);
            place = below;
        }

        Put(timer, place);
    }

    private void Put(LoopTimer timer, int place)
    {
        _heap[place] = timer;
        timer.Place = place;
    }
}
