// Crear una sesión
async function createChatSession() {
  const response = await fetch('http://localhost:5000/api/chat/realtime/sessions', {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${token}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      title: 'Nueva conversación'
    })
  });
  
  return await response.json();
}

// Enviar mensaje con streaming
function sendStreamingMessage(sessionId, message) {
  const eventSource = new EventSource(
    `http://localhost:5000/api/chat/realtime/sessions/${sessionId}/stream`,
    {
      headers: {
        'Authorization': `Bearer ${token}`,
        'Content-Type': 'application/json'
      }
    }
  );
  
  // En realidad, EventSource no soporta POST directamente
  // Usa fetch con streaming manual:
  
  fetch(`http://localhost:5000/api/chat/realtime/sessions/${sessionId}/stream`, {
    method: 'POST',
    headers: {
      'Authorization': `Bearer ${token}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({ content: message })
  })
  .then(response => {
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    
    function readStream() {
      reader.read().then(({ done, value }) => {
        if (done) {
          console.log('Stream terminado');
          return;
        }
        
        // Decodificar el chunk
        const chunk = decoder.decode(value, { stream: true });
        
        // Procesar cada evento SSE
        const events = chunk.split('\n\n');
        events.forEach(event => {
          if (event.startsWith('data: ')) {
            const data = JSON.parse(event.substring(6));
            
            switch(data.type) {
              case 'start':
                console.log('Iniciando respuesta...');
                break;
              case 'content':
                // Agregar contenido al UI
                appendToMessage(data.content);
                break;
              case 'done':
                console.log('Respuesta completa:', data.full_content);
                break;
              case 'error':
                console.error('Error:', data.error);
                break;
            }
          }
        });
        
        // Continuar leyendo
        readStream();
      });
    }
    
    readStream();
  });
}

// Función auxiliar para agregar contenido al mensaje
function appendToMessage(content) {
  const messageElement = document.getElementById('current-message');
  messageElement.textContent += content;
}
