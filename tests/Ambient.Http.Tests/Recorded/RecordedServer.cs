using System.Text;
using Ambient.Http.Tests.Support;

namespace Ambient.Http.Tests.Recorded;

/// <summary>The server of the recordings, over raw bytes: it answers as <c>x-answer</c> says once a head is there, and keeps what it receives.</summary>
internal sealed class RecordedServer
{
    private readonly List<Connection> _connections = [];

    /// <summary>What each connection received.</summary>
    public IReadOnlyList<string> Received => [.. _connections.Select(connection => connection.Received)];

    /// <summary>A new connection to it.</summary>
    public System.IO.Pipelines.IDuplexPipe Connect()
    {
        var connection = new Connection(_connections.Count);
        _connections.Add(connection);
        return connection.Transport.Near;
    }

    /// <summary>Reads and answers until nothing more happens. True if something did.</summary>
    public bool Run() => _connections.ToList().Aggregate(false, (any, connection) => connection.Run() | any);

    private sealed class Connection(int index)
    {
        private readonly StringBuilder _received = new();
        private bool _hasAnswered;
        private bool _isClosed;

        public MemoryTransport Transport { get; } = new();

        public string Received => _received.ToString();

        public bool Run()
        {
            var news = Transport.Received();
            _received.Append(news);
            var text = Received;
            var isUpgraded = _hasAnswered && text.Contains("x-answer: ws\r\n", StringComparison.Ordinal);
            if (isUpgraded && news.Length > 0)
            {
                Transport.Send("echo:" + news);
                return true;
            }

            if (_hasAnswered || !IsComplete(text))
            {
                return news.Length > 0;
            }

            _hasAnswered = true;
            Answer(text);
            return true;
        }

        private static bool IsComplete(string text)
        {
            var head = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (head < 0)
            {
                return false;
            }

            var body = text[(head + 4)..];
            return text.Contains("transfer-encoding: chunked", StringComparison.Ordinal) ? body.EndsWith("0\r\n\r\n", StringComparison.Ordinal)
                : body.Length >= LengthOf(text);
        }

        private static int LengthOf(string text)
        {
            const string Name = "\r\ncontent-length: ";
            var at = text.IndexOf(Name, StringComparison.Ordinal);
            return at < 0 ? 0 : int.Parse(text[(at + Name.Length)..].Split('\r')[0]);
        }

        private void Answer(string request)
        {
            var wish = request.Split("\r\n").FirstOrDefault(line => line.StartsWith("x-answer: ", StringComparison.Ordinal))?[10..];
            wish = index > 0 && request.Contains("x-second: ok", StringComparison.Ordinal) ? null : wish;
            const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            var (answer, close) = wish switch
            {
                null when request.StartsWith("HEAD", StringComparison.Ordinal) => ("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", false),
                null => (Ok, false),
                "ws" => ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nframes", false),
                "204body" => ("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nno", false),
                "304" => ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\n", false),
                "short" => ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", true),
                "nolen" => ("HTTP/1.1 200 OK\r\n\r\nuntil close", true),
                "badstatus" => ("HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nok", false),
                "nonhttp" => ("SSH-2.0-server\r\n", true),
                "twocl" => ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", false),
                "clte" => ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false),
                "chunked" => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-t\r\n\r\n2\r\nok\r\n0\r\nX-T: v\r\n\r\n", false),
                "badchunk" => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n", false),
                "early" => ("", true),
                "midbody" => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", true),
                "103" => ("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + Ok, false),
                "100" => ("HTTP/1.1 100 Continue\r\n\r\n" + Ok, false),
                "hop" => ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x-hop, keep-alive\r\nX-Hop: 1\r\nX-H: 1\r\nKeep-Alive: timeout=5\r\n"
                    + "Proxy-Connection: keep-alive\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nServer: proxy\r\n\r\nok", false),
                "500" => ("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno", false),
                "503" => ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nRetry-After: 1\r\n\r\nno", false),
                "badname" => ("HTTP/1.1 200 OK\r\nbad name: 1\r\nContent-Length: 2\r\n\r\nok", false),
                "nul" => ("HTTP/1.1 200 OK\r\nx: a\0b\r\nContent-Length: 2\r\n\r\nok", false),
                "http10" => ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", true),
                "999" => ("HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok", false),
                "big" => ($"HTTP/1.1 200 OK\r\nx: {new string('a', 50_000)}\r\nContent-Length: 2\r\n\r\nok", false),
                "slow" => ("", false),
                _ => throw new InvalidOperationException($"the recordings have no answer '{wish}'"),
            };
            Transport.Send(answer);
            if (close && !_isClosed)
            {
                _isClosed = true;
                Transport.CloseFar();
            }
        }
    }
}
