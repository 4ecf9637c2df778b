import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { App } from './app.tsx';
import { type Connection, Follower } from './connection.ts';
import './style.css';

function Page() {
  const [connection, setConnection] = useState<Connection>({ tag: 'loading' });
  const [follower] = useState(() => {
    const made: Follower = new Follower(() => setConnection(made.connection));
    return made;
  });
  useEffect(() => void follower.start(), []);
  return <App connection={connection} onToken={(token) => void follower.unlock(token)} />;
}

const element = document.getElementById('page');
if (element !== null) render(<Page />, element);
