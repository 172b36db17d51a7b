using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Ambient.Hbone.Tests.Support;

/// <summary>
/// Two ends of a connection in memory that move only when the test says so, on the test's own thread, without allocating.
/// </summary>
internal sealed class SteppedTransport
{
    private readonly Direction _there;
    private readonly Direction _back;

    /// <param name="capacity">Bytes under way each way.</param>
    /// <param name="mostPerRead">How many bytes a read hands over; null: all. Called once for each read.</param>
    public SteppedTransport(Func<int>? mostPerRead = null, int capacity = 8 << 20)
    {
        _there = new Direction(mostPerRead, capacity);
        _back = new Direction(mostPerRead, capacity);
        Near = new End(_back.Reader, _there.Writer);
        Far = new End(_there.Reader, _back.Writer);
    }

    public IDuplexPipe Near { get; }

    public IDuplexPipe Far { get; }

    /// <summary>Delivers until nothing is under way.</summary>
    public void Run()
    {
        while (_there.Step() | _back.Step())
        {
        }
    }

    private sealed record End(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private sealed class Direction(Func<int>? mostPerRead, int capacity)
    {
        private readonly byte[] _buffer = new byte[capacity];
        private int _start;
        private int _end;
        private bool _isCompleted;

        public SteppedReader Reader => field ??= new SteppedReader(this);

        public SteppedWriter Writer => field ??= new SteppedWriter(this);

        public bool HasNews => _start < _end || _isCompleted;

        public bool Step() => HasNews && Reader.Wake();

        public Memory<byte> Free => _buffer.AsMemory(_end);

        public void Add(int count) => _end += count;

        public void Complete() => _isCompleted = true;

        public ReadResult Take()
        {
            var count = mostPerRead is null ? _end - _start : Math.Min(mostPerRead(), _end - _start);
            return new ReadResult(new ReadOnlySequence<byte>(_buffer, _start, count), false, _isCompleted && _start + count == _end);
        }

        public void Consume(int upTo)
        {
            _start = upTo;
            if (_start == _end)
            {
                _start = _end = 0;
            }
        }
    }

    private sealed class SteppedReader(Direction direction) : PipeReader, IValueTaskSource<ReadResult>
    {
        private ManualResetValueTaskSourceCore<ReadResult> _source;
        private bool _isWaiting;
        private bool _isCanceled;

        public bool Wake()
        {
            if (!_isWaiting)
            {
                return false;
            }

            _isWaiting = false;
            _source.SetResult(direction.Take());
            return true;
        }

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            if (_isCanceled)
            {
                _isCanceled = false;
                return ValueTask.FromResult(new ReadResult(default, true, false));
            }

            _source.Reset();
            _isWaiting = true;
            return new ValueTask<ReadResult>(this, _source.Version);
        }

        public override void AdvanceTo(SequencePosition consumed)
        {
            if (consumed.GetObject() is not null)
            {
                direction.Consume(consumed.GetInteger());
            }
        }

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => AdvanceTo(consumed);

        public override void CancelPendingRead()
        {
            if (!_isWaiting)
            {
                _isCanceled = true;
                return;
            }

            _isWaiting = false;
            _source.SetResult(new ReadResult(default, true, false));
        }

        public override void Complete(Exception? exception = null)
        {
        }

        public override bool TryRead(out ReadResult result) => throw new NotSupportedException();

        ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => _source.GetResult(token);

        ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _source.GetStatus(token);

        void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _source.OnCompleted(continuation, state, token, ValueTaskSourceOnCompletedFlags.None);
    }

    private sealed class SteppedWriter(Direction direction) : PipeWriter
    {
        public override void Advance(int bytes) => direction.Add(bytes);

        public override Memory<byte> GetMemory(int sizeHint = 0) => direction.Free[..Math.Min(direction.Free.Length, 16_384)];

        public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => default;

        public override void CancelPendingFlush()
        {
        }

        public override void Complete(Exception? exception = null) => direction.Complete();
    }
}
