namespace Ambient.Linux;

/// <summary>The end by a reset, and what makes it arrive.</summary>
public sealed partial class TcpSocket
{
    private bool _isAborted;

    /// <summary>
    /// Ends the connection with a RST: the peer sees an error, not an end. Where sent bytes have not been acknowledged yet it follows them, a
    /// second later at most. A peer that gets it before them, because they were lost or came another way, ignores it and asks whether it is
    /// meant (RFC 5961 section 3.2); from an address that is not the machine's, as a client's that we speak for, the kernel cannot answer,
    /// and the peer would keep the connection for ever.
    /// </summary>
    public unsafe void Abort()
    {
        if (_descriptor >= 0)
        {
            var linger = stackalloc int[2] { 1, 0 };
            Libc.SetOption(_descriptor, SocketLevel, 13, linger, 8); // SO_LINGER
            _isAborted = true;
            Dispose();
        }
    }

    private void CloseOrReset(int descriptor)
    {
        if (_isAborted && Libc.Unacknowledged(descriptor) > 0)
        {
            Loop.Arm(new LateReset(Loop, descriptor), LateReset.Period);
        }
        else
        {
            Libc.Close(descriptor);
        }
    }

    /// <summary>Closes a descriptor, by which it is reset, once what it has sent has arrived.</summary>
    private sealed class LateReset(EventLoop loop, int descriptor) : LoopTimer
    {
        /// <summary>Acknowledgements are delayed for 40 ms at most.</summary>
        public static readonly TimeSpan Period = TimeSpan.FromMilliseconds(10);

        /// <summary>A second: the kernel sends again after 0.2 and 0.6 s.</summary>
        private const int MostLooks = 100;

        private int _looks;

        public override void Fire()
        {
            if (++_looks < MostLooks && Libc.Unacknowledged(descriptor) > 0)
            {
                loop.Arm(this, Period);
            }
            else
            {
                Libc.Close(descriptor);
            }
        }

        public override void OnLoopEnding() => Libc.Close(descriptor);
    }
}
