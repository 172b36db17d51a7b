namespace Ambient.Hbone;

/// <summary>Brings a token's cancellation, which any thread may cause, to the loop of the one who waits.</summary>
internal sealed class CancellationWatch(Action<CancellationToken> onCanceled)
{
    private CancellationTokenRegistration _registration;
    private SynchronizationContext? _context;
    private CancellationToken _token;
    private bool _isActive;

    public void Start(CancellationToken token)
    {
        _context = SynchronizationContext.Current;
        _token = token;
        _isActive = true;
        _registration = token.UnsafeRegister(static state => ((CancellationWatch)state!).OnAnyThread(), this);
    }

    public void Stop()
    {
        _isActive = false;
        _registration.Unregister();
        _registration = default;
    }

    private void OnAnyThread()
    {
        if (_context is null)
        {
            OnLoop(_token);
            return;
        }

#pragma warning disable VSTHRD001 // the context is that of an event loop, not of a user interface
        _context.Post(
            static state =>
            {
                var (watch, token) = ((CancellationWatch, CancellationToken))state!;
                watch.OnLoop(token);
            },
            (this, _token));
#pragma warning restore VSTHRD001
    }

    private void OnLoop(CancellationToken token)
    {
        // A wait that ended meanwhile, or a later one with another token, is not concerned.
        if (_isActive && token == _token)
        {
            _isActive = false;
            onCanceled(token);
        }
    }
}
