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
            var (answer, close) = RecordedAnswers.To(request, isFirst: index == 0);
            Transport.Send(answer);
            if (close && !_isClosed)
            {
                _isClosed = true;
                Transport.CloseFar();
            }
        }
    }
}
