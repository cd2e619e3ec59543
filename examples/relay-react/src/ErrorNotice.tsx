import { Component, type ReactNode } from "react";

/** An error boundary that shows the error message of its children. */
export class ErrorNotice extends Component<{ children: ReactNode }, { message?: string }> {
  override state: { message?: string } = {};

  static getDerivedStateFromError({ message }: Error) {
    return { message };
  }

  override render() {
    const { message } = this.state;
    if (message === undefined) return this.props.children;
    return (
      <div className="notice">
        <p role="alert">{message}</p>
        <button onClick={() => this.setState({ message: undefined })}>Try again</button>
      </div>
    );
  }
}
