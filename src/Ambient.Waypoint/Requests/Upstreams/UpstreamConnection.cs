using Ambient.Http;
using Ambient.Linux;

namespace Ambient.Waypoint.Requests.Upstreams;

/// <summary>An HTTP connection to an endpoint, with what its pool has to know of it. On its loop only.</summary>
internal sealed class UpstreamConnection(EndpointPool pool, IClientConnection http, EventLoop loop) : IEndOfTurn
{
    private bool _turnAsked;

    /// <summary>The pool that it belongs to.</summary>
    public EndpointPool Pool { get; } = pool;

    /// <summary>The protocol's connection.</summary>
    public IClientConnection Http { get; } = http;

    /// <summary>Requests that were sent on it.</summary>
    public int Requests { get; set; }

    /// <summary>When it was last used, in the loop's milliseconds.</summary>
    public long UsedAt { get; set; }

    /// <summary>It waits in its pool for a request.</summary>
    public bool IsIdle { get; set; }

    /// <summary>It has served before, so its peer may just be closing it.</summary>
    public bool IsReused => Requests > 1;

    /// <summary>Everything that a turn produces leaves in one send.</summary>
    public void AskEndOfTurn()
    {
        if (!_turnAsked)
        {
            _turnAsked = true;
            loop.AtEndOfTurn(this);
        }
    }

    void IEndOfTurn.EndOfTurn()
    {
        _turnAsked = false;
        Http.Flush();
    }
}
