// Sends the form of a page that is nothing but an answer to a client.
HTMLFormElement.prototype.submit.call(document.forms[0]);
